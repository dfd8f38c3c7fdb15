//! Bounded display of texts from a sheet in messages.

use std::fmt;

/// Returns at most `most` characters of `text`, followed by an ellipsis if it was truncated.
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Names of columns or sheets, displayed quoted; only the first 40 are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        for (nth, name) in self.0.iter().take(MOST).enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{:?}", excerpt(name, 60))?;
        }
        match self.0.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_short_in_messages() {
        let names = |n: usize| Names((0..n).map(|i| i.to_string()).collect()).to_string();
        assert_eq!(names(2), r#""0", "1""#);
        assert!(names(40).ends_with(r#", "39""#));
        assert!(names(16_384).ends_with(r#", "39" and 16344 more"#));
        assert!(Names(vec!["x".repeat(1000)]).to_string().len() < 80);
    }
}

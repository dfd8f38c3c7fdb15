//! Bounded excerpts of external texts, for messages.

/// The first `most` characters of `text`, with an ellipsis if the text is longer.
pub fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

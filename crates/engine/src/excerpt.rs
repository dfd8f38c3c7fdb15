//! Texts of others in messages: bounded, whatever is in them.

/// At most `most` characters of `text`, with an ellipsis where some were left off.
pub fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! Replacement of invisible characters.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped};

/// Replaces each invisible character by its code, which makes a text up to eight times as long. Whole parts
/// of a page are passed through it, so that no text is missed: the page's own tags and words contain no such
/// character.
pub(crate) fn visible(markup: Markup) -> Markup {
    if !markup.0.contains(is_invisible) {
        return markup;
    }
    let mut text = String::with_capacity(markup.0.len());
    for c in markup.0.chars() {
        if is_invisible(c) {
            write!(text, "[U+{:04X}]", u32::from(c)).expect("memory takes writes");
        } else {
            text.push(c);
        }
    }
    PreEscaped(text)
}

/// Whether the character has no shape of its own or changes the order of those after it. Joiners are kept:
/// scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    fn shown(value: &str) -> String {
        visible(html! { (value) }).into_string()
    }

    #[test]
    fn no_text_opens_a_tag_or_ends_an_attribute() {
        let page = |value: &str| visible(html! { p title=(value) { (value) } }).into_string();
        let escaped = "&quot;&gt;&lt;img src=x onerror='a&amp;b'&gt;";
        assert_eq!(page("\"><img src=x onerror='a&b'>"), format!("<p title=\"{escaped}\">{escaped}</p>"));
    }

    #[test]
    fn characters_that_cannot_be_seen_have_their_code_shown() {
        assert_eq!(shown("a\0b\x1b[31m\x7f"), "a[U+0000]b[U+001B][31m[U+007F]");
        assert_eq!(shown("abc\u{202e}fed\u{feff}\u{9b}"), "abc[U+202E]fed[U+FEFF][U+009B]");
    }

    #[test]
    fn scripts_and_emoji_stay_as_they_are() {
        let text = "שלום мир 👩\u{200d}🔧 ni\u{200c}ja";
        assert_eq!(shown(text), text);
    }
}

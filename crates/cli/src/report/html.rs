//! Markup that values cannot break out of: only literals are markup, and every other text is escaped.

use std::fmt::Write as _;

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What can stand in a page.
pub(crate) trait Put {
    fn put(&self, page: &mut Html);
}

/// A literal is markup: nothing else lives as long.
impl Put for &'static str {
    fn put(&self, page: &mut Html) {
        page.0.push_str(self);
    }
}

/// A number, to a hundredth.
impl Put for f64 {
    fn put(&self, page: &mut Html) {
        let rounded = (self * 100.0).round() / 100.0;
        write!(page.0, "{rounded}").expect("memory takes writes");
    }
}

/// A text that came from anywhere, in an element or in a quoted attribute.
pub(crate) struct Text<S>(S);

/// `value`, escaped.
pub(crate) fn text<S: AsRef<str>>(value: S) -> Text<S> {
    Text(value)
}

impl<S: AsRef<str>> Put for Text<S> {
    fn put(&self, page: &mut Html) {
        for c in self.0.as_ref().chars() {
            match c {
                '&' => page.0.push_str("&amp;"),
                '<' => page.0.push_str("&lt;"),
                '>' => page.0.push_str("&gt;"),
                '"' => page.0.push_str("&quot;"),
                '\'' => page.0.push_str("&#39;"),
                // What cannot be seen is shown.
                c if is_invisible(c) => write!(page.0, "[U+{:04X}]", u32::from(c)).expect("memory takes writes"),
                c => page.0.push(c),
            }
        }
    }
}

/// Whether it has no shape of its own, or turns the order around of what follows. The joiners stay: scripts and emoji
/// are written with them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Appends each part: literals as markup, numbers, and `text(...)`.
macro_rules! html {
    ($page:expr, $($part:expr),+ $(,)?) => {{
        $($crate::report::html::Put::put(&$part, $page);)+
    }};
}
pub(crate) use html;

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &str) -> String {
        let mut page = Html::default();
        html!(&mut page, text(value));
        page.into_string()
    }

    #[test]
    fn no_text_opens_a_tag_or_ends_an_attribute() {
        assert_eq!(
            escaped("</script><img src=x onerror='a&b'>"),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a&amp;b&#39;&gt;"
        );
        assert_eq!(escaped("\" onload=\""), "&quot; onload=&quot;");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(escaped("a\0b\x1b[31m\x7f"), "a[U+0000]b[U+001B][31m[U+007F]");
        assert_eq!(escaped("abc\u{202e}fed\u{feff}\u{9b}"), "abc[U+202E]fed[U+FEFF][U+009B]");
        let of_scripts = "שלום мир 👩\u{200d}🔧 ni\u{200c}ja";
        assert_eq!(escaped(of_scripts), of_scripts);
    }

    #[test]
    fn numbers_are_written_to_a_hundredth() {
        let mut page = Html::default();
        html!(&mut page, 1.0 / 3.0, " ", 12.0, " ", 0.001);
        assert_eq!(page.into_string(), "0.33 12 0");
    }
}

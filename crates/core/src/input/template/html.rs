//! Converts HTML from mails and ticket systems to plain text.
//!
//! Tags that end a line end one in the text. Paragraphs are separated by an empty line, list items begin with `- `, and
//! table cells are separated by a tab. The address of a link follows its text in parentheses, unless the two are the
//! same. Scripts, styles, titles and comments are dropped. A run of blanks becomes one blank, except in `pre`.
//!
//! Any text is accepted, in time linear in its length. An element that is never closed ends where it must; a `<` that
//! does not begin a tag is kept.

/// Returns the text of `html`.
pub(super) fn to_text(html: &str) -> String {
    let mut text = Text::default();
    let mut tags = Tags { html, quotes_close: true, tags_close: true };
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', &html.as_bytes()[at..]) {
        text.add(&html[at..at + found]);
        at += found;
        at = match tags.at(at) {
            Some((markup, after)) => {
                text.apply(&markup);
                match markup {
                    Markup::Open { name, .. } if dropped(&name) => skip_element(html, after, &name),
                    _ => after,
                }
            }
            None => {
                text.add("<");
                at + 1
            }
        };
    }
    text.add(&html[at..]);
    text.finish()
}

#[derive(Debug, PartialEq, Eq)]
enum Markup<'a> {
    Open {
        name: String,
        attributes: &'a str,
    },
    Close {
        name: String,
    },
    /// A comment, a document type or a processing instruction.
    Other,
}

/// Whether the content of an element is not meant to be read.
fn dropped(name: &str) -> bool {
    matches!(name, "script" | "style" | "title" | "textarea" | "noscript" | "template")
}

/// Returns the end of the content of the element that was opened before `from`.
fn skip_element(html: &str, from: usize, name: &str) -> usize {
    let bytes = html.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|found| from + found)
        .find(|&at| {
            let tag = bytes[at + 1..].strip_prefix(b"/").unwrap_or_default();
            tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
        .unwrap_or(html.len())
}

struct Tags<'a> {
    html: &'a str,
    /// Cleared when the quote of a tag is never closed. From then on quotes are ignored; otherwise the text would be
    /// searched to its end for each tag.
    quotes_close: bool,
    /// Cleared when no `>` is left.
    tags_close: bool,
}

impl<'a> Tags<'a> {
    /// Returns the markup that begins with the `<` at `start`, and its end; `None` if the `<` is text.
    fn at(&mut self, start: usize) -> Option<(Markup<'a>, usize)> {
        let rest = &self.html[start + 1..];
        if rest.starts_with("!--") {
            let end = memchr::memmem::find(rest.as_bytes(), b"-->");
            return Some((Markup::Other, end.map_or(self.html.len(), |end| start + 1 + end + 3)));
        }
        let first = *rest.as_bytes().first()?;
        let closing = first == b'/' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic);
        if !closing && !first.is_ascii_alphabetic() && !matches!(first, b'!' | b'?') {
            return None;
        }
        let end = self.end(rest)?;
        let inside = &rest[usize::from(closing)..end];
        let name_end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
        let name = inside[..name_end].to_ascii_lowercase();
        let markup = match first {
            b'!' | b'?' => Markup::Other,
            _ if closing => Markup::Close { name },
            _ => Markup::Open { name, attributes: &inside[name_end..] },
        };
        Some((markup, start + 1 + end + 1))
    }

    /// Returns the position of the `>` that ends a tag.
    fn end(&mut self, tag: &str) -> Option<usize> {
        let bytes = tag.as_bytes();
        if !self.tags_close {
            return None;
        }
        if self.quotes_close {
            let mut at = 0;
            while let Some(found) = memchr::memchr3(b'>', b'"', b'\'', &bytes[at..]) {
                at += found;
                if bytes[at] == b'>' {
                    return Some(at);
                }
                let Some(close) = memchr::memchr(bytes[at], &bytes[at + 1..]) else { break };
                at += close + 2;
            }
            self.quotes_close = false;
        }
        let end = memchr::memchr(b'>', bytes);
        self.tags_close = end.is_some();
        end
    }
}

/// Returns the value of an attribute, with its character references.
fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=')?;
        let name = &rest[..end];
        rest = rest[end..].trim_ascii_start();
        let Some(value) = rest.strip_prefix('=') else { continue };
        let value = value.trim_ascii_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// What must separate the next text from the output so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Blank,
    Line,
    EmptyLine,
}

#[derive(Debug, Default)]
struct Text {
    out: String,
    gap: Gap,
    /// Write the mark of a list item before the next text.
    item: bool,
    lists: usize,
    pre: usize,
    /// Before the first character of a `pre`, where a line end is ignored.
    pre_begins: bool,
    link: Option<Link>,
}

#[derive(Debug)]
struct Link {
    address: String,
    /// The start of its text in the output, once it has some.
    from: Option<usize>,
}

impl Text {
    fn apply(&mut self, markup: &Markup<'_>) {
        let (name, attributes) = match markup {
            Markup::Open { name, attributes } => (name.as_str(), Some(*attributes)),
            Markup::Close { name } => (name.as_str(), None),
            Markup::Other => return,
        };
        match (name, attributes) {
            ("a", attributes) => {
                self.end_link();
                self.link = attributes.and_then(|attributes| attribute(attributes, "href")).and_then(Link::to);
            }
            ("br", _) if self.pre > 0 => self.add("\n"),
            ("br", _) => self.gap = if self.gap < Gap::Line { Gap::Line } else { Gap::EmptyLine },
            ("img", Some(attributes)) => self.add(attribute(attributes, "alt").unwrap_or_default()),
            ("li", Some(_)) => {
                self.widen(Gap::Line);
                self.item = true;
            }
            ("li", None) => self.item = false,
            ("ul" | "ol", opened) => {
                // A nested list is part of its item.
                self.widen(if self.lists > usize::from(opened.is_none()) { Gap::Line } else { Gap::EmptyLine });
                self.lists = if opened.is_some() { self.lists + 1 } else { self.lists.saturating_sub(1) };
            }
            ("pre", opened) => {
                self.widen(Gap::EmptyLine);
                self.pre = if opened.is_some() { self.pre + 1 } else { self.pre.saturating_sub(1) };
                self.pre_begins = opened.is_some();
            }
            // Only between cells: before the first cell, the row has ended a line.
            ("td" | "th", Some(_)) if self.gap < Gap::Line && !self.out.is_empty() => {
                self.end_gap();
                self.out.push('\t');
            }
            ("p" | "blockquote" | "table" | "hr" | "dl" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6", _) => {
                self.widen(Gap::EmptyLine);
            }
            (
                "div" | "tr" | "dt" | "dd" | "section" | "article" | "header" | "footer" | "main" | "nav" | "aside"
                | "address" | "figure" | "figcaption" | "form" | "fieldset" | "body" | "html" | "head" | "center"
                | "caption" | "thead" | "tbody" | "tfoot" | "option",
                _,
            ) => self.widen(Gap::Line),
            _ => {}
        }
    }

    fn widen(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Adds text of the source after resolving its character references.
    fn add(&mut self, raw: &str) {
        self.add_plain(&htmlize::unescape(raw));
    }

    fn add_plain(&mut self, mut text: &str) {
        if self.pre > 0 {
            if self.pre_begins && !text.is_empty() {
                self.pre_begins = false;
                text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
            }
            if !text.is_empty() {
                self.begin_text();
                self.out.push_str(text);
            }
            return;
        }
        // A no-break space counts as a blank: mails are full of them, and a note has no layout.
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{a0}';
        loop {
            let word = text.trim_start_matches(blank);
            if word.len() < text.len() {
                self.widen(Gap::Blank);
            }
            if word.is_empty() {
                return;
            }
            let end = word.find(blank).unwrap_or(word.len());
            self.begin_text();
            self.out.push_str(&word[..end]);
            text = &word[end..];
        }
    }

    fn begin_text(&mut self) {
        self.end_gap();
        if std::mem::take(&mut self.item) {
            // The indentation is limited to that of the eighth level.
            self.out.extend(std::iter::repeat_n("  ", self.lists.clamp(1, 8) - 1));
            self.out.push_str("- ");
        }
        if let Some(link) = &mut self.link {
            link.from.get_or_insert(self.out.len());
        }
    }

    fn end_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if self.out.is_empty() {
            return;
        }
        match gap {
            Gap::None => {}
            Gap::Blank if self.out.ends_with(['\n', '\t']) => {}
            Gap::Blank => self.out.push(' '),
            Gap::Line => self.out.push('\n'),
            Gap::EmptyLine => self.out.push_str("\n\n"),
        }
    }

    fn end_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        match link.from {
            Some(from) if link.says(&self.out[from..]) => {}
            Some(_) => {
                self.out.push_str(" (");
                self.out.push_str(&link.address);
                self.out.push(')');
            }
            // The link most likely contains an image, so the address is the only text.
            None => self.add_plain(&link.address),
        }
    }

    fn finish(mut self) -> String {
        self.end_link();
        self.out.truncate(self.out.trim_end().len());
        self.out
    }
}

impl Link {
    /// Creates a link if its address is useful in a note.
    fn to(href: &str) -> Option<Self> {
        let mut address = htmlize::unescape_attribute(href.trim()).into_owned();
        // Browsers remove control characters too. Otherwise an address could imitate lines of the note.
        address.retain(|c| !c.is_control());
        let scheme = address.split(':').next().unwrap_or_default();
        let idle = ["javascript", "data", "vbscript"].iter().any(|idle| scheme.eq_ignore_ascii_case(idle));
        (!address.is_empty() && !address.starts_with('#') && !idle).then_some(Self { address, from: None })
    }

    /// Whether `text` already contains the address.
    fn says(&self, text: &str) -> bool {
        bare(text) == bare(&self.address)
    }
}

/// Removes the parts of an address that browsers do not show.
fn bare(address: &str) -> &str {
    let mut bare = address.trim();
    for scheme in ["mailto:", "tel:", "https://", "http://"] {
        bare = bare.strip_prefix(scheme).unwrap_or(bare);
    }
    bare.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_reads_as_it_looks() {
        for (html, wanted) in [
            ("plain  text\n here", "plain text here"),
            ("a<br>b<br/>c<BR />d", "a\nb\nc\nd"),
            ("a<br><br>b<br><br><br><br>c", "a\n\nb\n\nc"),
            ("<p>a</p><p>b</p>\n<p> c</p>", "a\n\nb\n\nc"),
            ("<div>a<div>b</div></div><div>c</div>", "a\nb\nc"),
            ("<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
            ("<b>a</b>b <i>c</i> d", "ab c d"),
            ("x<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>y", "x\n\n- a\n- b\n  - c\n\ny"),
            ("<ul><li><p>a</p><li></li><li>b", "- a\n\n- b"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td></td></tr></table>", "a\tb\nc"),
            ("<h1>T</h1>a<hr>b", "T\n\na\n\nb"),
            ("a<pre>\n x\n  y\n</pre>b  c", "a\n\n x\n  y\n\n\nb c"),
            ("a<!-- b <b> --->c", "ac"),
            ("<style>p { a > b }</style>a<SCRIPT>if (a<b) '</p>'</Script >b", "ab"),
            ("<!DOCTYPE html><html><head><title>t</title></head><body>a</body></html>", "a"),
            ("<img src=x alt='a &amp; b'> <img src=y>", "a & b"),
            ("a &lt;b&gt; &amp;amp; &nosuch; AT&T &#8211; &uuml;", "a <b> &amp; &nosuch; AT&T – ü"),
            ("&dollar;5&period; &copy 2026 &#x1F600; &#150; &#0; &#xD800;", "$5. © 2026 😀 – \u{fffd} \u{fffd}"),
            ("1 < 2 <3 <> </> a<", "1 < 2 <3 <> </> a<"),
            ("<a title=\"x > y\">a</a>", "a"),
            ("<o:p>a</o:p>", "a"),
        ] {
            assert_eq!(to_text(html), wanted, "{html}");
        }
    }

    #[test]
    fn links_keep_an_address_that_their_text_does_not_say() {
        for (html, wanted) in [
            ("<a href=\"https://x.example/a?b=1&amp;c\">here</a>.", "here (https://x.example/a?b=1&c)."),
            ("<a href='https://x.example/?a=1&copy=2'>b</a>", "b (https://x.example/?a=1&copy=2)"),
            ("<a href='https://x.example/'>x.example</a>", "x.example"),
            ("<a href=https://x.example>https://x.example/</a>", "https://x.example/"),
            ("<a href='mailto:ann@x.example'>ann@x.example</a>", "ann@x.example"),
            ("<a href='mailto:ann@x.example'>Ann</a>", "Ann (mailto:ann@x.example)"),
            ("a <a class=q href='u'><b>b</b> </a>c", "a b (u) c"),
            ("<a href='u'><img src=x></a>", "u"),
            ("<a href='#top'>up</a> <a name=x>y</a> <a href=''>z</a>", "up y z"),
            ("<a href='JavaScript:alert(1)'>x</a>", "x"),
            ("<a href='u'>a<a href='v'>b", "a (u)b (v)"),
            ("<a href='u\nTo: x'>a</a>", "a (uTo: x)"),
            ("<p>x</p><a href='u'>\n<p>a</p></a>", "x\n\na (u)"),
        ] {
            assert_eq!(to_text(html), wanted, "{html}");
        }
    }

    #[test]
    fn what_is_not_closed_ends_where_it_must() {
        for (html, wanted) in [
            ("a<b", "a<b"),
            ("a<b \"x>c", "ac"),
            ("a<b \"x>c<i '>d<i title='>'>e", "acd'>e"),
            ("a<!-- b", "a"),
            ("a<script>b<i>", "a"),
            ("a</", "a</"),
            ("a<!", "a<!"),
            ("a&", "a&"),
            ("a<a href='u>b</a>", "ab (u)"),
            ("</ul></ul></pre>a", "a"),
        ] {
            assert_eq!(to_text(html), wanted, "{html}");
        }
    }

    /// Each text would take many seconds if any of its pieces were searched to the end of the text.
    #[test]
    fn hostile_texts_take_linear_time() {
        let pieces = [
            "<",
            "<a",
            "<a ",
            "<a \"",
            "<a '\"",
            "<a href=\"",
            "<a \">",
            "<a '\">",
            "<!--",
            "<!",
            "</a",
            "&",
            "&#",
            "&x",
            "<script>",
            "<style",
            "<li>",
            "<ul>",
            "<pre>",
            "<a href=x>",
            "<td>",
            "\u{a0}",
            "<a href=x>y",
            "<p>&nbsp;",
            "<script></",
            "<a b=c ",
            "<img alt=\"<\">",
            "\"'<a ",
            "<a x=\"'>",
        ];
        for piece in pieces {
            let html = piece.repeat((1 << 17) / piece.len());
            assert!(to_text(&html).len() <= html.len() * 9, "{piece}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(html in "(<[a-z/!]{0,3}|[ a='\"&;#>\n-]|<a href=|<pre>|<li>|ü|<!--|--)*") {
            to_text(&html);
        }

        #[test]
        fn a_text_without_markup_keeps_its_words(text in "[a-zü ]*") {
            let words: Vec<&str> = text.split_whitespace().collect();
            prop_assert_eq!(to_text(&text), words.join(" "));
        }
    }
}

//! Finds what a template mentions: columns in `row["..."]`, filters, tests, and the lines of names.
//!
//! minijinja reports which names a template uses, but not which items of a name and not which filters: it detects
//! missing ones while rendering, which is too late. The tags of a template are therefore parsed here as well. If this
//! parser is not sure, it reports that the whole row is used, which only costs time.

use std::iter;

/// A name and its line.
pub(super) type At<'a> = (&'a str, usize);

/// The mentions in the order of the template.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions<'a> {
    /// Columns, as in `row["a"]` and `row.a`.
    pub(super) columns: Vec<At<'a>>,
    /// Whether `row` is used in a way that may refer to any column.
    pub(super) whole_row: bool,
    pub(super) filters: Vec<At<'a>>,
    pub(super) tests: Vec<At<'a>>,
    /// All other words: names and keywords.
    pub(super) words: Vec<At<'a>>,
    /// The line of the first tag that is longer than [`Mentions::LONGEST_TAG`], or that exceeds the number of `elif`.
    pub(super) too_long: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A quoted text; `None` if it has escapes.
    Text(Option<&'a str>),
    Mark(char),
}

impl<'a> Mentions<'a> {
    /// Maximum number of words, texts and marks in a tag, and of `elif` in a template. minijinja recurses for some
    /// tokens and for chains of `elif` without a bound: 100,000 times `not` overflow the stack.
    const LONGEST_TAG: usize = 250;

    pub(super) fn of(template: &'a str) -> Self {
        let mut mentions = Self::default();
        let mut line = Lines { template, counted: 0, line: 1 };
        let mut rest = template;
        let mut elifs = 0;
        while let Some(open) = tag(rest) {
            let body = &rest[open + 2..];
            if rest[open..].starts_with("{#") {
                rest = body.split_once("#}").map_or("", |(_, after)| after);
                continue;
            }
            let close = if rest[open..].starts_with("{{") { '}' } else { '%' };
            let (tokens, after) = tokens(body, close);
            let mark = |token: &Token<'_>| matches!(token, Token::Mark('-' | '+'));
            let first = tokens.iter().map(|(token, _)| *token).find(|token| !mark(token));
            let raw = close == '%' && first == Some(Token::Word("raw"));
            let tokens: Vec<(Token<'a>, usize)> =
                tokens.into_iter().map(|(token, left)| (token, line.at(template.len() - left))).collect();
            elifs += usize::from(first == Some(Token::Word("elif")));
            if tokens.len() > Self::LONGEST_TAG || elifs > Self::LONGEST_TAG {
                mentions.too_long = mentions.too_long.or(tokens.first().map(|(_, line)| *line));
            }
            mentions.add(&tokens);
            rest = if raw { after_raw(after) } else { after };
        }
        mentions
    }

    fn add(&mut self, tokens: &[(Token<'a>, usize)]) {
        let token = |nth: usize| tokens.get(nth).map(|(token, _)| *token);
        for (nth, &(here, line)) in tokens.iter().enumerate() {
            let Token::Word(word) = here else { continue };
            let before = |n: usize| nth.checked_sub(n).and_then(token);
            match before(1) {
                Some(Token::Mark('.')) => continue,
                Some(Token::Mark('|')) => self.filters.push((word, line)),
                Some(Token::Word("filter")) if nth == 1 => self.filters.push((word, line)),
                Some(Token::Word("is")) if word != "not" => self.tests.push((word, line)),
                Some(Token::Word("not")) if before(2) == Some(Token::Word("is")) => self.tests.push((word, line)),
                _ => self.words.push((word, line)),
            }
            if word != "row" {
                continue;
            }
            match (token(nth + 1), token(nth + 2), token(nth + 3)) {
                (Some(Token::Mark('[')), Some(Token::Text(Some(column))), Some(Token::Mark(']'))) => {
                    self.columns.push((column, line));
                }
                (Some(Token::Mark('.')), Some(Token::Word(column)), _) => self.columns.push((column, line)),
                _ => self.whole_row = true,
            }
        }
    }
}

/// Returns the start of the next tag or comment.
fn tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'{', bytes).find(|&at| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')))
}

/// Counts lines up to increasing offsets.
struct Lines<'a> {
    template: &'a str,
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, byte: usize) -> usize {
        self.line += self.template[self.counted..byte].matches('\n').count();
        self.counted = byte;
        self.line
    }
}

/// Returns the text after the `{% endraw %}` of a `{% raw %}`.
fn after_raw(text: &str) -> &str {
    for (at, _) in text.match_indices("{%") {
        let tag = text[at + 2..].trim_start_matches(['-', '+']).trim_start();
        if let Some((inside, after)) = tag.strip_prefix("endraw").and_then(|tag| tag.split_once("%}"))
            && inside.trim().trim_matches(['-', '+']).is_empty()
        {
            return after;
        }
    }
    ""
}

/// Returns the tokens of a tag, each with the number of bytes from its start to the end of `body`, and the text after
/// the tag.
fn tokens(body: &str, close: char) -> (Vec<(Token<'_>, usize)>, &str) {
    let mut found = Vec::new();
    let mut rest = body;
    let mut open = 0_usize;
    // Offsets count from the end of the template, which is also the end of `body`.
    while let Some(c) = rest.chars().next() {
        let left = rest.len();
        if open == 0 && c == close && rest[1..].starts_with('}') {
            return (found, &rest[2..]);
        }
        let word = |c: char| c == '_' || c.is_alphanumeric();
        if c == '"' || c == '\'' {
            let (text, after) = quoted(&rest[1..], c);
            found.push((Token::Text(text), left));
            rest = after;
        } else if word(c) {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            found.push((Token::Word(&rest[..end]), left));
            rest = &rest[end..];
        } else {
            match c {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            if !c.is_whitespace() {
                found.push((Token::Mark(c), left));
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    (found, "")
}

/// Returns the text up to the closing quote, or `None` if it has escapes, and the text after it.
fn quoted(text: &str, quote: char) -> (Option<&str>, &str) {
    let mut escaped = false;
    let mut escapes = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => (escaped, escapes) = (true, true),
            c if c == quote => return ((!escapes).then_some(&text[..at]), &text[at + 1..]),
            _ => {}
        }
    }
    (None, "")
}

/// Returns the most similar of `names`, if one is similar enough to `name`.
pub(super) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> Vec<char> {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
    };
    let wanted = plain(name);
    let most = 2.min(wanted.len() / 3);
    names
        .map(|other| (distance(&wanted, &plain(other)), other))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// The Levenshtein distance: letters to insert, remove or change.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = iter::once(changed).chain([row[j] + 1, row[j + 1] + 1]).min().unwrap_or(changed);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_items_are_found_in_tags_and_nowhere_else() {
        for (template, columns, whole_row) in [
            (r#"{{ row["a b"] }}{{ row.c }}{{row['d'].e}}"#, &["a b", "c", "d"][..], false),
            ("row.a {# row.b #} {{ 'row.c' }} {{ x.row.d }}", &[], false),
            ("{% raw %}{{ row.a }}{% endraw %}{{ row.b }}", &["b"], false),
            ("{%- raw -%}{{ row.a }} {% if {%- endraw -%} {{ row.b }}", &["b"], false),
            ("{{ {'}}': {'a': row.b}}['}}'] }}{{ row.c }}", &["b", "c"], false),
            (r#"{% if row["a"] == "%}" %}{{ row.b }}{% endif %}"#, &["a", "b"], false),
            ("{{- row.a -}} {%+ if row.b %}", &["a", "b"], false),
            ("{{ row[Date] }}", &[], true),
            (r#"{{ row["a" ~ b] }}"#, &[], true),
            (r#"{{ row["a\n"] }}"#, &[], true),
            ("{% for x in row %}", &[], true),
            ("{{ (row).a }}", &[], true),
            ("{{ row | attr('a') }}", &[], true),
            ("{{ arrow.a }}{{ row_a }}{{ rows.a }}", &[], false),
        ] {
            let mentions = Mentions::of(template);
            let found: Vec<&str> = mentions.columns.iter().map(|(column, _)| *column).collect();
            assert_eq!((found.as_slice(), mentions.whole_row), (columns, whole_row), "{template}");
        }
    }

    #[test]
    fn filters_and_tests_are_found_with_their_lines() {
        let mentions = Mentions::of("{{ a|b }}\n{{ a | c(d) | e }}\n\n{% filter f %}{% if a is g and a is not h %}");
        assert_eq!(mentions.filters, [("b", 1), ("c", 2), ("e", 2), ("f", 4)]);
        assert_eq!(mentions.tests, [("g", 4), ("h", 4)]);
        assert!(mentions.words.contains(&("d", 2)));
    }

    #[test]
    fn whatever_is_not_closed_ends_with_the_template() {
        for template in ["{{", "{{ row", "{{ 'row", "{% raw %}{{ row.a", "{# row", "{{ row[\"a", "{{ ))))", "{", "{%%}"]
        {
            assert_eq!(Mentions::of(template).columns, [], "{template}");
        }
    }

    #[test]
    fn the_closest_name_is_suggested_if_one_is_close() {
        let names = ["Date", "Agent name", "Comment"];
        for (name, wanted) in [
            ("date", Some("Date")),
            ("Datum", None),
            ("Agent_Name", Some("Agent name")),
            ("Commnt", Some("Comment")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(name, names.into_iter()), wanted, "{name}");
        }
    }
}

//! Templates and cells, separated by lines of `----`: the template, then one cell for each of the columns a,
//! b and c. With an empty template, the cells are used with the templates of [`own`].

use batchpost::input::{Content, Format, InvalidRow, Options, Rows, Template};
use jiff::civil::Date;
use serde_json::json;

/// Maximum length of a text.
const MOST_BYTES: usize = 1 << 20;

/// A template compiles or is rejected. Then it renders a text or returns an error for every row.
pub(crate) fn check(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts = input.split("----\n").map(|part| part.strip_suffix('\n').unwrap_or(part));
    let template = parts.next().unwrap_or_default();
    let mut cell = || parts.next().unwrap_or_default();
    let cells = [cell(), cell(), cell()];
    if template.is_empty() {
        own(cells);
    } else {
        any(template, cells);
    }
}

fn any(text: &str, cells: [&str; 3]) {
    let template: Template = match text.parse() {
        Ok(template) => template,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(template.to_string(), text);
    for made in both(&template, cells).into_iter().flatten() {
        let text = match made {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(reason) => return assert!(!reason.to_string().is_empty()),
        };
        assert!(!text.trim().is_empty() && !text.contains('\0'), "{text:?}");
        assert!(text.len() <= MOST_BYTES);
    }
}

/// Templates whose text is known in advance.
fn own(cells: [&str; 3]) {
    let [a, b, c] = cells;
    let made = |text: &str| both(&text.parse().expect("it compiles"), cells).map(|made| made.expect("it has a row"));
    let whole = format!("{a}|{b}|{c}");
    for made in made("{{ a }}|{{ row.b }}|{{ row['c'] }}") {
        match made {
            Ok(Some(text)) => assert_eq!(text, whole, "cells are taken over as they stand"),
            // All cells are blank.
            Ok(None) => assert!(cells.iter().all(|cell| cell.trim().is_empty())),
            // The object has each cell several times, so it may exceed the maximum length of a record.
            Err(reason) => assert!(whole.contains('\0') || whole.len() > MOST_BYTES / 20, "{reason}"),
        }
    }
    for template in ["{{ a | date }}", "{{ a | date(from=b) }}", "{{ a | excel_date('%Y-%m-%d') }}"] {
        for made in made(template) {
            if let Ok(Some(text)) = made {
                assert!(Date::strptime("%Y-%m-%d", &text).is_ok(), "{template} makes {text:?} of {a:?}");
            }
        }
    }
    for template in ["{{ a | date(b) }}", "{{ a | excel_date(b, system=1904) }}", "{{ a | int }}{{ b | float }}"] {
        drop(made(template));
    }
    for made in made("{{ a | html_to_text }}|") {
        match made {
            Ok(Some(text)) => assert!(text.ends_with('|')),
            Ok(None) => assert!(a.trim().is_empty()),
            Err(reason) => assert!(a.len() > MOST_BYTES / 100 || a.contains('\0') || a.contains("&#"), "{reason}"),
        }
    }
    if !a.contains(['<', '&']) && !a.trim().is_empty() && !a.contains('\0') {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for made in made("{{ a | html_to_text }}") {
            match made {
                Ok(Some(text)) => assert_eq!(words(&text), words(a), "text without HTML keeps its words"),
                other => panic!("{a:?} makes {other:?}"),
            }
        }
    }
}

type Made = Result<Option<String>, InvalidRow>;

/// The texts from the cells of a CSV and from the members of an object; `None` without such an input.
fn both(template: &Template, [a, b, c]: [&str; 3]) -> [Option<Made>; 2] {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let csv = format!("Ticket,a,b,c\n143,{},{},{}\n", quoted(a), quoted(b), quoted(c));
    let object = json!({ "ticket": 143, "a": a, "b": b, "c": c, "d": { "e": [a, b], "f": c.len() } });
    [made(Format::Csv, &csv, template), made(Format::JsonLines, &object.to_string(), template)]
}

fn made(format: Format, input: &str, template: &Template) -> Option<Made> {
    let options = Options { template: Some(template.clone()), ..Options::new(format) };
    let mut rows = Rows::open(input.as_bytes(), &options.into()).ok()?;
    let row = rows.next().expect("it is text")?;
    Some(match row.content {
        Content::Note { text, .. } => Ok(Some(text)),
        Content::Blank => Ok(None),
        Content::Invalid { reason: InvalidRow::NothingByTemplate, .. } => Ok(None),
        Content::Invalid { reason, .. } => Err(reason),
    })
}

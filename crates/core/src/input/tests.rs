//! Tests that apply to every format and encoding.

use std::io::Read;

use proptest::prelude::*;

use super::brief::{Pieces, brief, brief_in_pieces, packed};
use super::{Format, InputError, Options, Rows, TextError};

fn formats() -> impl Strategy<Value = Format> {
    prop::sample::select(&[Format::Csv, Format::JsonLines, Format::Json][..])
}

/// A more or less broken input in that format.
fn text(format: Format) -> impl Strategy<Value = String> {
    let (head, part): (&str, &str) = match format {
        Format::Csv => ("Ticket;Note\n", "([0-9]{1,2};[a-cüé😀\" ]{0,5}[\r\n]{1,2}|[;\"\n,]|sep=)"),
        Format::JsonLines => ("", "(\\{\"ticket\":[0-9],\"text\":\"[a-cüé😀]{0,5}\"\\}\r?\n|[\\{\\}\",\n])"),
        _ => ("[", "(\\{\"ticket\":[0-9],\n\"text\":\"[a-cüé😀]{0,5}\"\\},?|[\\[\\]\\{\\}\",\n])"),
    };
    let end = if format == Format::Json { "{}]" } else { "" };
    prop::collection::vec(part, 0..12).prop_map(move |parts| format!("{head}{}{end}", parts.concat()))
}

fn text_of_a_format() -> impl Strategy<Value = (Format, String)> {
    formats().prop_flat_map(|format| (Just(format), text(format)))
}

proptest! {
    #[test]
    fn packed_and_in_pieces_a_text_gives_the_same_rows(
        (format, text) in text_of_a_format(),
        sizes in prop::collection::vec(1_usize..20, 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut options = Options::new(format);
        options.record_bound_bytes = 60;
        let rows = brief(text.as_bytes(), &options);
        prop_assert_eq!(&brief(Pieces::new(text.as_bytes(), sizes.clone()), &options), &rows);
        let cut = cut.index(text.len() + 1);
        let members = [packed(&text.as_bytes()[..cut]), packed(&text.as_bytes()[cut..])].concat();
        prop_assert_eq!(&brief(Pieces::new(&members, sizes), &options), &rows);
    }

    #[test]
    fn in_utf16_a_text_gives_the_same_rows_as_in_utf8(
        (format, text) in text_of_a_format(),
        sizes in prop::collection::vec(1_usize..20, 1..5),
    ) {
        let options = Options::new(format);
        let text = format!("\u{feff}{text}");
        let rows = brief(text.as_bytes(), &options);
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        prop_assert_eq!(&brief(Pieces::new(&le, sizes.clone()), &options), &rows);
        prop_assert_eq!(&brief(Pieces::new(&packed(&be), sizes), &options), &rows);
    }

    #[test]
    fn any_bytes_come_to_an_end_the_same_in_pieces(
        format in formats(),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        brief_in_pieces(&bytes, &Options::new(format));
    }
}

#[test]
fn a_damaged_input_gives_its_rows_up_to_the_damage_and_then_the_error() {
    let mut options = Options::new(Format::Csv);
    let sheet = b"Ticket,Note\n1,a\n2,b\n";
    let after = [packed(sheet), b"x".to_vec()].concat();
    let found = brief_in_pieces(&after, &options);
    assert_eq!(found[..2], [r#"1@2+12: 1 "a""#, r#"2@3+16: 2 "b""#]);
    assert!(
        found[2].starts_with("error: the input is compressed (gzip), and other data follows from byte "),
        "{found:?}"
    );

    options.encoding = Some("euc-jp".parse().unwrap());
    let found = brief_in_pieces(&[&sheet[..], b"3,\xff\n"].concat(), &options);
    assert_eq!(found[1], r#"2@3+16: 2 "b""#);
    assert!(found[2].starts_with("error: the input is not valid EUC-JP from byte 22 on"), "{found:?}");
}

#[test]
fn a_row_of_a_stream_does_not_wait_for_what_follows_it() {
    struct Stalled;
    impl Read for Stalled {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::WouldBlock.into())
        }
    }
    for (format, text) in [
        (Format::Csv, "Ticket;Note\n1;a\n"),
        (Format::Csv, "sep=,\nid,Ticket,Note\r\n,1,a\r\n"),
        (Format::JsonLines, "{\"ticket\":1,\"text\":\"a\"}\n"),
        (Format::Json, "[{\"ticket\":1,\"text\":\"a\"}"),
    ] {
        let utf16 = ['\u{feff}'].into_iter().chain(text.chars()).collect::<String>();
        let utf16: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes(), &utf16] {
            let found = brief(bytes.chain(Stalled), &Options::new(format));
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[0].ends_with(": 1 \"a\"") && found[1].starts_with("error: the input cannot be read past"));
        }
    }
}

#[test]
fn what_is_said_of_the_input_is_what_it_was_read_as() {
    let mut options = Options::new(Format::Csv);
    options.encoding = Some("latin1".parse().unwrap());
    let rows = Rows::open(&b"Ticket,Gr\xf6\xdfe,Note\n"[..], &options.into()).unwrap();
    let layout = rows.layout();
    assert_eq!((layout.encoding.as_deref(), layout.packed), (Some("windows-1252"), false));
    assert_eq!(rows.columns(), ["Ticket", "Größe", "Note"]);
    let sheet = packed(b"Ticket,Note\n");
    let rows = Rows::open(&sheet[..], &Options::new(Format::Csv).into()).unwrap();
    let layout = rows.layout();
    assert_eq!((layout.encoding.as_deref(), layout.packed), (Some("UTF-8"), true));
    assert!(matches!(
        Rows::open(&b"PK\x03\x04"[..], &Options::new(Format::Json).into()),
        Err(InputError::Text(TextError::NotText))
    ));
}

/// Options with these columns and this template.
fn asked(format: Format, columns: &[&str], template: &str) -> Options {
    let columns = columns.iter().map(|column| column.parse().unwrap()).collect();
    let template = (!template.is_empty()).then(|| template.parse().unwrap());
    Options { columns, template, ..Options::new(format) }
}

/// The row of one JSON object, with these columns or this template.
fn of_object(object: &str, columns: &[&str], template: &str) -> String {
    let line = brief(object.as_bytes(), &asked(Format::JsonLines, columns, template)).concat();
    line.strip_prefix("1@1+0: ").unwrap_or(&line).to_owned()
}

#[test]
fn a_number_is_its_own_digits_by_a_column_and_by_a_template() {
    for digits in ["12345678901234567890123", "0.1234567890123456789", "143.0", "1.50", "-0", "1E400", "7"] {
        let object = format!("{{\"ticket\":1,\"n\": {digits} , \"o\":{{\"n\":{digits}}}}}");
        let wanted = format!("1 \"{digits}\"");
        assert_eq!(of_object(&object, &["text=n"], ""), wanted);
        assert_eq!(of_object(&object, &["text=o.n"], ""), wanted);
        assert_eq!(of_object(&object, &[], "{{ n }}"), wanted);
        assert_eq!(of_object(&object, &[], "{% for name in row %}{% endfor %}{{ row.o.n }}"), wanted);
    }
    assert_eq!(of_object(r#"{"ticket":143.0,"n":7}"#, &[], "{{ n | int + 1 }}"), "143 \"8\"");
}

#[test]
fn a_name_with_a_dot_is_found_on_the_way_to_what_is_nested() {
    let object = r#"{"ticket":1,"text":"main","meta.v1":{"note":"kept"}}"#;
    assert_eq!(of_object(object, &["text=text", "text=meta.v1.note"], ""), r#"1 "main\n\nkept""#);
    // Two members with the same path.
    let object = r#"{"ticket":1,"a.b":{"c":"x"},"a":{"b.c":"y"}}"#;
    let wanted = "error: two members have the path \"a.b.c\", because a name contains a dot; rename one of them";
    assert_eq!(of_object(object, &["text=a.b.c"], ""), wanted);
}

#[test]
fn a_name_twice_in_an_object_that_a_template_reaches_makes_an_invalid_row() {
    let twice = |name: &str| format!("column {name:?} occurs more than once in the object; keep only one");
    for (object, template, wanted) in [
        (r#"{"ticket":1,"a":"x","a":"y"}"#, "{{ a }}", twice("a")),
        (r#"{"ticket":1,"a":"x","a":"y"}"#, "{% for name in row %}{{ name }}{% endfor %}", twice("a")),
        (r#"{"ticket":1,"o":{"a":"x","a":"y"}}"#, "{{ o.a }}", twice("a")),
        (r#"{"ticket":1,"o":[{"a":"x","a":"y"}]}"#, "{{ o[0].a }}", twice("a")),
        (r#"{"ticket":1,"a":"x","b":1,"b":2}"#, "{{ a }}", "1 \"x\"".to_owned()),
    ] {
        assert_eq!(of_object(object, &[], template), wanted, "{object} {template}");
    }
}

#[test]
fn a_row_is_blank_by_its_ticket_and_the_columns_that_are_used_whatever_its_format() {
    let no_ticket = r#"column "Ticket" is empty: the row has a text but no ticket id"#;
    let nothing = "the row has a ticket id, but the template produces no text";
    for (ticket, text, template, wanted) in [
        ("1", "", "Hello", "1 \"Hello\""),
        ("", "", "Hello", "blank"),
        ("", "x", "Hello", "blank"),
        ("", "", "From: {{ Note }}", "blank"),
        ("", "x", "From: {{ Note }}", no_ticket),
        ("", "x", "{% if Note == 'y' %}z{% endif %}", no_ticket),
        ("1", "", "From: {{ Note }}", "1 \"From: \""),
        ("1", " ", "{{ Note }}", nothing),
        ("", "x", "{{ Note | date }}", no_ticket),
    ] {
        let csv = format!("Ticket,Note,Other\n{ticket},{text},y\n");
        let json = serde_json::json!([{ "Ticket": ticket, "Note": text, "Other": "y" }]).to_string();
        for (format, input) in [(Format::Csv, csv), (Format::Json, json)] {
            let found = brief(input.as_bytes(), &asked(format, &[], template)).concat();
            assert!(found.ends_with(&format!(": {wanted}")), "{format} {ticket:?} {text:?} {template}: {found}");
        }
    }
}

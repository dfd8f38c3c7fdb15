use super::super::brief::Pieces;
use super::super::options::Options;
use super::*;

/// The rows of `input` as `record@line: content`, or the error.
fn brief<R: Read>(input: R, options: &Options) -> Vec<String> {
    let mut rows = match Rows::open(input, &options.clone().into()) {
        Ok(rows) => rows,
        Err(error) => return vec![format!("error: {error}")],
    };
    let mut out = Vec::new();
    while let Some(Row { position, content }) = rows.next().unwrap() {
        let content = match content {
            Content::Blank => "blank".to_owned(),
            Content::Note { ticket, text, .. } => format!("{ticket} {text:?}"),
            Content::Invalid { reason, .. } => reason.to_string(),
        };
        out.push(format!("{}@{}: {content}", position.record, position.line));
    }
    out
}

fn csv(input: impl AsRef<[u8]>) -> Vec<String> {
    brief(input.as_ref(), &Options::new(Format::Csv))
}

#[test]
fn records_become_notes_blanks_and_reasons() {
    for (record, wanted) in [
        (&b"143,hi"[..], r#"1@2: 143 "hi""#),
        (b"#143.0,hi", r#"1@2: 143 "hi""#),
        (b" 143 ,\"  a\r\nb \"", r#"1@2: 143 "  a\r\nb ""#),
        (b",", "1@2: blank"),
        (b" ,\t", "1@2: blank"),
        (b" , ,,", "1@2: blank"),
        (b"\"\"", "1@2: blank"),
        (b"143,", r#"1@2: the row has a ticket id but no text in "Note""#),
        (b",hi", r#"1@2: column "Ticket" is empty: the row has a text but no ticket id"#),
        (b"T-1,hi", r#"1@2: column "Ticket": ticket id "T-1" is not a positive whole number"#),
        (b"T-1,", r#"1@2: column "Ticket": ticket id "T-1" is not a positive whole number"#),
        (b"143", "1@2: cells: 1, columns in the header: 2; quote each text that contains a comma or a quote"),
        (b"143,a,b", "1@2: cells: 3, columns in the header: 2; quote each text that contains a comma or a quote"),
        (
            b"143,Gr\xfc\xdfe",
            r#"1@2: column "Note" is not UTF-8 at byte 3 of its cell; it looks like windows-1252: read it with that encoding, or save the file as UTF-8"#,
        ),
        (b"143,a\0b", r#"1@2: column "Note" contains a NUL character; remove it"#),
        (
            b"143,\"a",
            "1@2: the record that begins on line 2 has a quote that is never closed; close it, or complete the file",
        ),
    ] {
        assert_eq!(csv([b"Ticket,Note\n", record].concat()), [wanted], "{record:?}");
    }
}

#[test]
fn cells_that_are_not_mapped_do_not_matter() {
    assert_eq!(csv(b"x,Ticket,Note\n\xff\0,1,a\nzz,,\n"), [r#"1@2: 1 "a""#, "2@3: blank"]);
}

#[test]
fn text_columns_are_joined_by_an_empty_line_in_the_order_asked_without_blank_ones() {
    let mut options = Options::new(Format::Csv);
    options.columns = ["text=c", "text=a", "text=b"].map(|choice| choice.parse().unwrap()).to_vec();
    let input = "Ticket,a,b,c\n1,a,b,c\n2, ,b,c\n3,,b\n,\n,,,\n3,,b,\n4,,, \n";
    assert_eq!(
        brief(input.as_bytes(), &options),
        [
            r#"1@2: 1 "c\n\na\n\nb""#,
            r#"2@3: 2 "c\n\nb""#,
            "3@4: cells: 3, columns in the header: 4; quote each text that contains a comma or a quote",
            "4@5: blank",
            "5@6: blank",
            r#"6@7: 3 "b""#,
            r#"7@8: the row has a ticket id but no text in "c", "a", "b""#,
        ]
    );
}

#[test]
fn reading_goes_on_after_an_over_long_record() {
    let mut options = Options::new(Format::Csv);
    options.record_bound_bytes = 20;
    let input = format!("Ticket,Note\n1,a\n2,\"{}\n\"\n3,c\n", "x".repeat(200_000));
    for size in [1000, 1 << 20] {
        assert_eq!(
            brief(Pieces::new(input.as_bytes(), vec![size]), &options),
            [
                r#"1@2: 1 "a""#,
                "2@3: the record that begins on line 3 is longer than 20 bytes; check for an unclosed quote",
                r#"3@5: 3 "c""#,
            ]
        );
    }
}

#[test]
fn an_input_without_rows_is_fine_and_one_without_header_is_not() {
    assert!(csv("Ticket,Note").is_empty());
    assert!(csv("\u{feff}Ticket,Note\r\n\r\n").is_empty());
    for nothing in ["", "\n\r\n", "\u{feff}"] {
        let wanted = "error: the input has no header line; the first line of a CSV must name its columns";
        assert_eq!(csv(nothing), [wanted]);
    }
}

#[test]
fn an_invalid_row_has_the_key_of_its_raw_cells() {
    let keys = |input: &[u8]| {
        let mut rows = Rows::open(input, &Options::new(Format::Csv).into()).unwrap();
        let mut keys = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            match row.content {
                Content::Invalid { key, .. } => keys.push(key),
                other => panic!("{other:?}"),
            }
        }
        keys
    };
    let found = keys(b"Ticket,Note\r\nx,\"a\"\r\nx,b\r\n\xff,a\r\n");
    let again = keys(b"Ticket,Note\n\xff,a\nx,a\n");
    assert_eq!((found[0], found[2]), (again[1], again[0]));
    assert_eq!(found[0], Key::of_invalid([&b"x"[..], b"a"].into_iter()));
    assert_ne!(found[0], found[1]);
}

#[test]
fn the_source_comes_back_read_to_its_end() {
    let mut rows = Rows::open(&b"Ticket,Note\n1,a\n"[..], &Options::new(Format::Csv).into()).unwrap();
    assert_eq!(rows.columns(), ["Ticket", "Note"]);
    assert_eq!(*rows.mapping(), Mapping { ticket: "Ticket".into(), text: vec!["Note".into()], key: None });
    while rows.next().unwrap().is_some() {}
    assert!(rows.source().unwrap().is_empty());
}

#[test]
fn the_first_object_shows_the_columns() {
    let with = |input: &str, choices: &[&str]| {
        let mut options = Options::new(Format::JsonLines);
        options.columns = choices.iter().map(|choice| choice.parse().unwrap()).collect();
        let rows = Rows::open(input.as_bytes(), &options.clone().into());
        rows.map_or_else(|error| error.to_string(), |rows| format!("{:?} {:?}", rows.columns(), rows.mapping()))
    };
    for (input, choices, wanted) in [
        (
            "{\"Ticket ID\":1,\"x\":2,\"Body\":\"\"}",
            &[][..],
            r#"["Ticket ID", "x", "Body"] Mapping { ticket: "Ticket ID", text: ["Body"], key: None }"#,
        ),
        (
            "{\"id\":1,\"Body\":\"\"}",
            &["ticket=ID"],
            r#"["id", "Body"] Mapping { ticket: "id", text: ["Body"], key: None }"#,
        ),
        (
            "{\"id\":1,\"Body\":\"\"}",
            &["ticket=id", "text=Note"],
            r#"no column "Note" for the text; the columns are "id", "Body""#,
        ),
        ("", &["text=Note"], r#"[] Mapping { ticket: "RelatedTicketId", text: ["Note"], key: None }"#),
        ("\n\n", &[], r#"[] Mapping { ticket: "RelatedTicketId", text: ["TextPart"], key: None }"#),
    ] {
        assert_eq!(with(input, choices), wanted, "{input:?} {choices:?}");
    }
}

#[test]
fn a_line_has_the_same_key_whatever_its_end() {
    let key = |input: &[u8]| {
        let mut rows = Rows::open(input, &Options::new(Format::JsonLines).into()).unwrap();
        match rows.next().unwrap().unwrap().content {
            Content::Invalid { key, .. } => key,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(key(b"x\n"), key(b"x\r\n"));
    assert_eq!(key(b"x"), key(b"x\n"));
    assert_ne!(key(b"x"), key(b"y"));
}

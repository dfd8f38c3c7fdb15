use super::*;

fn of(format: Format, input: &[u8]) -> Result<Proposal, String> {
    by(&mut Options::new(format), input)
}

fn by(requested: &mut Options, input: &[u8]) -> Result<Proposal, String> {
    propose(requested, &mut |options: &Options| Rows::open(input, &options.clone().into()))
        .map_err(|error| error.to_string())
}

/// `ticket|texts|pattern|header row|encoding|delimiter|guesses|notes of rows`
#[track_caller]
fn brief(input: &[u8]) -> String {
    brief_by(Options::new(Format::Csv), input)
}

/// Like `brief`, with options that the user gave.
#[track_caller]
fn brief_by(mut requested: Options, input: &[u8]) -> String {
    let found = by(&mut requested, input).unwrap();
    let Options { ticket_pattern, header_row, encoding, delimiter, .. } = found.options;
    let or_none = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
    [
        found.mapping.ticket,
        found.mapping.text.join("+"),
        or_none(ticket_pattern.map(|pattern| pattern.to_string())),
        or_none(header_row.map(|row| row.to_string())),
        or_none(encoding.map(|encoding| encoding.to_string())),
        or_none(delimiter.map(|delimiter| delimiter.to_string())),
        format!("{:?}", found.guesses),
        format!("{} of {}", found.sample.notes, found.sample.rows),
    ]
    .join("|")
}

#[test]
fn what_reads_as_it_is_needs_nothing_but_the_columns_names() {
    assert_eq!(brief(b"Ticket ID,Comment\n1,a\n#2,b\n"), "Ticket ID|Comment|-|-|-|-|[]|2 of 2");
    assert_eq!(brief(b"Ticket;Note\n1;a\n"), "Ticket|Note|-|-|-|-|[]|1 of 1");
}

#[test]
fn what_an_error_would_advise_is_taken() {
    assert_eq!(brief(b"Ticket;Gr\xf6\xdfe;Note\n1;x;a\n"), "Ticket|Note|-|-|windows-1252|-|[Encoding]|1 of 1");
    assert_eq!(
        brief(b"Ticket;Note\n1;plain\n2;R\xfcckruf vereinbart\n"),
        "Ticket|Note|-|-|windows-1252|-|[Encoding]|2 of 2"
    );
    assert_eq!(brief(b"Ticket,Note,x|Ticket No|Text\n1,a,b\n"), "Ticket|Note|-|-|-|comma|[Delimiter]|1 of 1");
    assert_eq!(brief(b"Ticket,Notes,Comment\n1,a,a longer one\n"), "Ticket|Comment|-|-|-|-|[Text]|1 of 1");
}

#[test]
fn the_encoding_is_judged_by_all_columns_unless_some_cell_is_plainly_utf8() {
    let sheet = b"Ticket;Kunde;Note\n1;Acme;plain\n2;M\xfcller;plain\n";
    assert_eq!(brief(sheet), "Ticket|Note|-|-|windows-1252|-|[Encoding]|2 of 2");
    let damaged = [&sheet[..], "3;Müller;plain\n".as_bytes()].concat();
    assert_eq!(brief(&damaged), "Ticket|Note|-|-|-|-|[]|3 of 3");
}

#[test]
fn a_header_further_down_is_found() {
    assert_eq!(brief(b"Export of May\n\nTicket,Note\n1,a\n"), "Ticket|Note|-|2|-|-|[]|1 of 1");
    assert_eq!(
        brief(b"M\xfcller\nFall;Bemerkung\nTKT-1;a long text\n"),
        r"Fall|Bemerkung|TKT-0*(\d+)|2|-|-|[Ticket, Text, Pattern]|1 of 1"
    );
    assert_eq!(brief(b"Export,of May\nx,y\nTicket,Note\n1,a\n"), "Ticket|Note|-|3|-|-|[]|1 of 1");
}

#[test]
fn what_was_said_is_kept_and_the_rest_is_proposed_by_it() {
    let requested = || Options::new(Format::Csv);
    let column = |choice: &str| Options { columns: vec![choice.parse().unwrap()], ..requested() };
    // A sheet whose text column is unclear until the user names it.
    let sheet = b"Export S\xfcd, Mai;;\nTicketnummer;Wer;Wann\n48001;M\xfcller;Montag\n48002;Eva;Dienstag\n";
    let by_looks = "Ticketnummer|Wann|-|2|windows-1252|-|[Encoding, Ticket, Text]|2 of 2";
    assert_eq!(brief(sheet), by_looks);
    assert_eq!(brief_by(column("text=Wer"), sheet), by_looks.replace("|Wann|", "|Wer|").replace(", Text]", "]"));
    let header_row = Options { header_row: NonZeroU32::new(3), ..requested() };
    let twice = b"Ticket,Note\n1,a\nTicket,Text\n2,b\n";
    assert_eq!(brief_by(header_row, twice), "Ticket|Text|-|3|-|-|[]|1 of 1");
    let delimiter = Options { delimiter: Some("pipe".parse().unwrap()), ..requested() };
    assert_eq!(brief_by(delimiter, b"Ticket,x|Ticket|Note,y|Note\n1|2|3|4\n"), "Ticket|Note|-|-|-|pipe|[]|1 of 1");
    let encoding = Options { encoding: Some("iso-8859-2".parse().unwrap()), ..requested() };
    assert_eq!(brief_by(encoding, b"Ticket;Note\n1;Gr\xf6\xdfe\n"), "Ticket|Note|-|-|ISO-8859-2|-|[]|1 of 1");
}

#[test]
fn what_was_found_is_left_where_nothing_can_be_proposed() {
    let mut options = Options::new(Format::Csv);
    by(&mut options, b"Export S\xfcd, Mai;;\nRef;Wer;Gr\xf6\xdfe\nx;Eva;y\n").unwrap_err();
    let found = (options.encoding.map(|encoding| encoding.to_string()), options.header_row.map(u32::from));
    assert_eq!(found, (Some("windows-1252".to_owned()), Some(2)));
}

#[test]
fn columns_without_obvious_names_are_known_by_their_cells() {
    let sheet = "Nr;Fall;Kunde;Bemerkung\n1;INC-00143;ACME;Customer called back\n2;INC-00144;B;Sent a letter\n";
    assert_eq!(brief(sheet.as_bytes()), r"Nr|Bemerkung|-|-|-|-|[Ticket, Text]|2 of 2");
    let named = sheet.replace("Fall", "Fall / Case");
    assert_eq!(brief(named.as_bytes()), r"Fall / Case|Bemerkung|INC-0*(\d+)|-|-|-|[Ticket, Text, Pattern]|2 of 2");
    assert!(of(Format::Csv, b"a,b\nx,y\n").unwrap_err().contains("cannot tell which column is the ticket"));
    assert!(of(Format::Csv, b"").is_err());
}

#[test]
fn columns_of_one_name_are_one_candidate_for_the_text_and_are_joined() {
    assert_eq!(brief(b"Ticket,Comment,Comment\n1,a,b\n2,,c\n"), "Ticket|Comment+Comment|-|-|-|-|[]|2 of 2");
    let sheet = "Ticket-Nr;Wer;Datum;Kommentar;Kommentar\n1;Eva;2026-11-27;ok;ruft wieder an\n2;Ute;2026-11-27;;\n";
    assert_eq!(brief(sheet.as_bytes()), "Ticket-Nr|Kommentar+Kommentar|-|-|-|-|[Ticket, Text]|1 of 2");
    // A title above the header, and another column whose name suggests a text.
    let sheet = "Export vom Mai;;;\nTicket;Notes;Comment;Comment\n1;ok;a longer one;and more\n";
    assert_eq!(brief(sheet.as_bytes()), "Ticket|Comment+Comment|-|2|-|-|[Text]|1 of 1");
    assert_eq!(brief(b"x\nTicket;Comment;Comment\n1;a;b\n"), "Ticket|Comment+Comment|-|2|-|-|[]|1 of 1");
    assert_eq!(brief(b"Ticket,Note,Note,Text,Text\n1,a,b,long,er\n"), "Ticket|Text+Text|-|-|-|-|[Text]|1 of 1");
    let no_text = of(Format::Csv, b"Ticket,Note,Note\n1,,\n").unwrap().sample.first_invalid.unwrap();
    assert!(no_text.ends_with("no text in \"Note\""), "{no_text}");
    // With two ticket columns, the choice is unclear.
    assert!(of(Format::Csv, b"Ticket,Ticket,Note\n1,2,a\n").is_err());
}

#[test]
fn a_pattern_is_proposed_where_it_makes_notes_of_rows() {
    let with = |ids: &[&str]| {
        let rows: String = ids.iter().map(|id| format!("{id},a\n")).collect();
        of(Format::Csv, format!("Ticket,Note\n{rows}").as_bytes()).unwrap().options.ticket_pattern
    };
    for (ids, wanted) in [
        (&["143", "#144", "145.0"][..], None),
        (&["TKT-00143", "TKT-9"], Some(r"TKT-0*(\d+)")),
        (&["00143", "00144"], Some(r"0*(\d+)")),
        (&["TKT-1", "2"], Some(r"(?:TKT-)?0*(\d+)")),
        (&["TKT-1", "INC-2"], Some(r"(?:TKT-|INC-)0*(\d+)")),
        (&["case 7 (old)"], Some(r"case\s+0*(\d+)\s+\(old\)")),
        (&["https://desk.example/t/143?tab=2"], None),
        (&["abc", "def"], None),
    ] {
        assert_eq!(with(ids).map(|pattern| pattern.to_string()).as_deref(), wanted, "{ids:?}");
    }
}

#[test]
fn what_is_proposed_reads_the_same_again() {
    let sheet = b"x\nFall;Bemerkung\nTKT-1;R\xfcckruf vereinbart\nTKT-2;Gr\xfc\xdfe\n";
    let first = of(Format::Csv, sheet).unwrap();
    let mut rows = Rows::open(&sheet[..], &first.options.clone().into()).unwrap();
    assert_eq!((rows.mapping(), rows.layout()), (&first.mapping, first.layout.clone()));
    let mut notes = 0;
    while let Some(row) = rows.next().unwrap() {
        notes += u64::from(matches!(row.content, Content::Note { .. }));
    }
    assert_eq!(notes, first.sample.notes);
}

#[test]
fn json_is_proposed_for_by_its_names() {
    let found = of(Format::JsonLines, b"{\"ref\":\"TKT-1\",\"what\":\"a longer text\"}\n").unwrap();
    assert_eq!((found.mapping.ticket.as_str(), found.mapping.text), ("ref", vec!["what".to_owned()]));
    assert_eq!(found.options.ticket_pattern.map(|pattern| pattern.to_string()).as_deref(), Some(r"TKT-0*(\d+)"));
}

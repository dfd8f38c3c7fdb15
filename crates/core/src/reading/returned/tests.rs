use jiff::Timestamp;

use super::*;
use crate::input::{Format, Options};
use crate::leadsquared::LeadSquared;
use crate::ledger::{Caller, ExcludedRow, Header, Input, Intent, LedgerId, Record, Run, SettleError, settle};
use crate::settings::Settings;

const KEYS: [&str; 2] = ["000000000000000000000000000000aa", "000000000000000000000000000000bb"];

fn batch() -> Batch {
    Batch::new(Header {
        version: 1,
        id: LedgerId(1),
        key_scheme: 1,
        tool: String::new(),
        api: None,
        target: "t".to_owned(),
        wall: Timestamp::UNIX_EPOCH,
    })
}

fn posted(key: Key) -> Decided {
    Decided { key, decision: Decision::Posted, attempts: None, contradicts: None }
}

/// The decisions of a sheet, with an empty ledger.
fn of_nothing(file: &[u8]) -> Result<Vec<Decided>, String> {
    let (batch, histories, identity) = (batch(), KeyMap::default(), Identity::of("t"));
    let recorded = Recorded { batch: &batch, histories: &histories, identity, reader_config: None, named: None };
    decisions(file, &recorded).map_err(|error| error.to_string())
}

/// The decisions of a file with these rows, or the error.
fn read(rows: &[(&str, &str, &str)], end: &str) -> Result<Vec<Decided>, String> {
    let rows: String = rows.iter().map(|(own, decision, key)| format!("{own},{decision},{key}{end}")).collect();
    of_nothing(format!("\u{feff}own,decision,batchpost_key{end}{rows}").as_bytes())
}

#[test]
fn an_error_names_the_line_whatever_ends_the_lines() {
    for end in ["\n", "\r\n"] {
        let rows = [("a", "", KEYS[0]), ("\"two\nlines\"", "posted", KEYS[1]), ("c", "perhaps", KEYS[0])];
        assert!(read(&rows, end).unwrap_err().starts_with("line 5: \"perhaps\""), "{end:?} {:?}", read(&rows, end));
    }
}

#[test]
fn a_sheet_is_read_as_spreadsheet_programs_save_it() {
    let csv = format!("Größe,decision,batchpost_key\n\"a;b\",posted,{}\n,,{}\n", KEYS[0], KEYS[1]);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for file in [
        csv.clone().into_bytes(),
        csv.replace(',', ";").into_bytes(),
        format!("sep=;\n{}", csv.replace(',', ";")).into_bytes(),
        [b"\xff\xfe".to_vec(), utf16(&csv.replace(',', "\t"))].concat(),
        // Encoded as windows-1252, as Excel does.
        csv.replace(',', ";").chars().map(|c| u8::try_from(c).unwrap()).collect(),
    ] {
        assert_eq!(of_nothing(&file), Ok(vec![posted(KEYS[0].parse().unwrap())]), "{file:?}");
    }
}

#[test]
fn a_file_that_has_no_decisions_says_what_to_give_instead() {
    let refused = |file: &[u8]| of_nothing(file).unwrap_err();
    assert!(refused(b"PK\x03\x04").contains("save it as CSV"));
    for file in [&b"Ticket,Text\n1,a\n"[..], b"Ticket;a,b\n", b"decision\n"] {
        assert!(refused(file).contains("no column \"batchpost_key\""), "{}", refused(file));
    }
    assert!(refused(b"batchpost_key\n").contains("no column \"decision\""));
    assert!(refused(b"").contains("no header line"), "{}", refused(b""));
}

#[test]
fn a_row_is_decided_about_in_one_way() {
    let twice = |second| read(&[("a", "posted", KEYS[0]), ("b", "waived", KEYS[1]), ("a", second, KEYS[0])], "\r\n");
    assert_eq!(twice("posted").unwrap().len(), 2);
    assert_eq!(twice("").unwrap().len(), 2);
    assert_eq!(twice("to-do").unwrap_err(), "line 4: line 2 has another decision for the same row");
}

#[test]
fn a_number_of_attempts_is_digits_and_anything_else_is_refused() {
    let with = |attempts: &str| {
        of_nothing(format!("attempts,decision,batchpost_key\n{attempts},posted,{}\n", KEYS[0]).as_bytes())
    };
    assert_eq!(with(" 12 ").unwrap()[0].attempts, Some(12));
    for cell in ["", "+1", "-1", "1.0", "\"1,0\"", "1e0", "one", "4294967296", "०"] {
        let error = with(cell).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains("is not a number of attempts"), "{cell}: {error}");
    }
    let twice = format!("attempts,decision,batchpost_key\n1,posted,{0}\n2,posted,{0}\n", KEYS[0]);
    assert!(of_nothing(twice.as_bytes()).unwrap_err().contains("line 2 has another decision"));
}

/// A batch in which each row of `sheet` was sent once, with its histories.
struct Sent {
    batch: Batch,
    histories: KeyMap<History>,
    keys: Vec<Key>,
    read_as: (ReaderConfig, ReadAs),
}

const IDENTITY: &str = "t";

impl Sent {
    fn of(sheet: &str, options: Options) -> Self {
        let identity = Identity::of(IDENTITY);
        let mut batch = batch();
        let mut histories = KeyMap::default();
        let mut keys: Vec<Key> = Vec::new();
        let reader_config = ReaderConfig::from(options.clone());
        let mut rows = Rows::open(sheet.as_bytes(), &reader_config).unwrap();
        let mapping = rows.mapping().clone();
        let wall = Timestamp::UNIX_EPOCH;
        let read_as = ReadAs { options, mapping };
        let input = Input { path: None, reader: read_as.section(), lookup_fingerprint: None, read: None };
        let (run, tool, by) = (1, String::new(), Some(Caller::default()));
        batch.apply(&Record::Run(Box::new(Run {
            wall_unit_us: None,
            state_folder: None,
            run,
            tool,
            wall,
            by,
            pauses_recorded: true,
            input,
            settings: Settings::of(&LeadSquared),
        })));
        while let Some(row) = rows.next().unwrap() {
            let number = row.position.record;
            let (first, ticket) = match row.content {
                Content::Note { name: Some(name), ticket, .. } => (Key::of_name(&identity, &name), Some(ticket)),
                Content::Note { ticket, text, uncut, .. } => {
                    (Key::of_job(&identity, &ticket, &uncut.unwrap_or(text)), Some(ticket))
                }
                Content::Invalid { key, .. } => (key, None),
                Content::Blank => continue,
            };
            let key = (0..).map(|n| first.occurrence(n)).find(|key| !keys.contains(key)).unwrap();
            keys.push(key);
            batch.apply(&match &ticket {
                Some(ticket) => {
                    let (ticket, attempt, at_us) = (ticket.clone(), 1, 0);
                    Record::Intent(Intent { row: number, key, content: None, ticket, attempt, at_us, wall })
                }
                None => {
                    let (outcome, why) = (Outcome::Invalid, String::new());
                    Record::Excluded(ExcludedRow { row: number, line: 1, key, ticket: None, outcome, why })
                }
            });
            let history: &mut History = histories.entry(key).or_default();
            (history.row, history.recorded_row, history.ticket) = (number, number, ticket);
        }
        Self { batch, histories, keys, read_as: (reader_config, read_as) }
    }

    fn csv(sheet: &str) -> Self {
        Self::of(sheet, Options::new(Format::Csv))
    }

    /// Returns how each row of a sheet contradicts the ledger. The sheet has the columns `columns`, a
    /// decision for each row, and for each row the key of the row in the batch with the given index.
    #[track_caller]
    fn compared(&self, columns: &str, rows: &[(&str, usize)]) -> Vec<Option<Contradiction>> {
        let rows: String =
            rows.iter().map(|(cells, at)| format!("{cells},in_doubt,,1,,waived,{}\r\n", self.keys[*at])).collect();
        let file = format!("\u{feff}{columns},{}\r\n{rows}", ADDED_COLUMNS.join(","));
        self.of_file(file.as_bytes())
    }

    #[track_caller]
    fn of_file(&self, file: &[u8]) -> Vec<Option<Contradiction>> {
        let recorded = Recorded {
            batch: &self.batch,
            histories: &self.histories,
            identity: Identity::of(IDENTITY),
            reader_config: Some(self.read_as.clone()),
            named: None,
        };
        decisions(file, &recorded).unwrap().into_iter().map(|decided| decided.contradicts).collect()
    }
}

use Contradiction::{Name, Row, Text, Ticket as OtherTicket};

const SHEET: &str = "Ticket,Text\n1,a\n1,b\n2,b\n1,a\n";

#[test]
fn rows_that_came_back_as_they_were_sent_contradict_nothing() {
    let sent = Sent::csv(SHEET);
    let whole = [("1,a", 0), ("1,b", 1), ("2,b", 2), ("1,a", 3)];
    assert_eq!(sent.compared("Ticket,Text", &whole), [None; 4]);
    // The sheet may have only the later of two identical rows, in any order.
    assert_eq!(sent.compared("Ticket,Text", &[("1,a", 3), ("2,b", 2), ("1,a", 0)]), [None; 3]);
    // As spreadsheet programs save the cells.
    assert_eq!(sent.compared("Text,Ticket", &[("\"b \r\n\", 1 ", 1)].map(|(_, at)| ("\"b \r\n\",1", at))), [None]);
}

#[test]
fn a_key_that_was_sorted_apart_is_found_by_ticket_or_text() {
    let sent = Sent::csv(SHEET);
    let found = sent.compared("Ticket,Text", &[("1,a", 1), ("1,b", 2), ("2,b", 0), ("1,a", 3)]);
    assert_eq!(found, [Some(Text), Some(OtherTicket), Some(OtherTicket), None]);
    assert_eq!(sent.compared("Ticket,Text", &[("1,changed", 0), (",a", 0)][..1]), [Some(Text)]);
    assert_eq!(sent.compared("Ticket,Text", &[(",a", 0)]), [Some(OtherTicket)]);
    assert_eq!(sent.compared("Ticket,Text", &[("one,a", 0)]), [Some(OtherTicket)]);
    // A row copied over another one. No other row has a decision.
    assert_eq!(sent.compared("Ticket,Text", &[("1,a", 0), ("2,b", 0)]), [Some(OtherTicket)]);
}

#[test]
fn columns_that_are_gone_are_not_compared() {
    let sent = Sent::csv(SHEET);
    assert_eq!(sent.compared("Ticket,Other", &[("1,?", 1), ("2,?", 1)][..1]), [None]);
    assert_eq!(sent.compared("Ticket,Other", &[("2,?", 1)]), [Some(OtherTicket)]);
    assert_eq!(sent.compared("Other", &[("?", 0)]), [None]);
    let by_hand = format!("decision,batchpost_key\nposted,{}\n", sent.keys[0]);
    assert_eq!(sent.of_file(by_hand.as_bytes()), [None]);
}

#[test]
fn tickets_are_found_in_their_cells_as_the_run_found_them() {
    let options = Options { ticket_pattern: Some("T-([0-9]+)".parse().unwrap()), ..Options::new(Format::Csv) };
    let sent = Sent::of("Ticket,Text\nT-1,a\nT-2,b\n", options);
    assert_eq!(sent.compared("Ticket,Text", &[("T-1,a", 0), ("see T-2,b", 1)]), [None; 2]);
    assert_eq!(sent.compared("Ticket,Text", &[("T-2,a", 0), ("see T-1,b", 1)]), [Some(OtherTicket); 2]);
    // An export has such rows for jobs that vanished from the input.
    assert_eq!(sent.compared("Ticket,Text", &[("1,", 0), ("1,", 1)]), [None, Some(OtherTicket)]);
}

#[test]
fn a_sheet_made_of_the_ledger_alone_is_compared_by_number_and_ticket() {
    let mut sent = Sent::csv(SHEET);
    assert_eq!(sent.compared("row,ticket", &[("1,1", 0), ("3,2", 2)]), [None; 2]);
    let found = sent.compared("row,ticket", &[("2,1", 0), ("1,2", 1), ("x,2", 2)]);
    assert_eq!(found, [Some(Row), Some(OtherTicket), Some(Row)]);
    // Both the row number of the last record and the current one match.
    sent.histories.get_mut(&sent.keys[0]).unwrap().row = 7;
    assert_eq!(sent.compared("row,ticket", &[("1,1", 0)]), [None]);
    assert_eq!(sent.compared("row,ticket", &[("7,1", 0)]), [None]);
}

#[test]
fn a_text_that_an_encoding_may_have_changed_is_not_held_against_a_sheet() {
    let sent = Sent::csv("Ticket,Text\n1,good 👍\n2,größer\n3,plain\n");
    let row = |cells: &str, at: usize| format!("{cells},waived,{}\n", sent.keys[at]);
    let sheet = |rows: &[String]| format!("Ticket,Text,decision,batchpost_key\n{}", rows.concat());
    let latin = |text: &str| text.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<u8>>();
    let lossy = sheet(&[row("1,good ?", 0), row("2,größer", 1), row("3,plain", 2)]);
    assert_eq!(sent.of_file(&latin(&lossy)), [None; 3]);
    let apart = sheet(&[row("1,good ?", 1), row("2,größer", 0), row("3,sorted", 2)]);
    assert_eq!(sent.of_file(&latin(&apart)), [Some(OtherTicket), Some(OtherTicket), Some(Text)]);
    // Unicode encodings lose no characters.
    let marked = format!("\u{feff}{}", sheet(&[row("1,good ?", 0), row("2,grosser", 1)]));
    assert_eq!(sent.of_file(marked.as_bytes()), [Some(Text); 2]);
}

#[test]
fn guarded_cells_templates_and_texts_of_several_columns_are_compared_as_they_were_sent() {
    let sent = Sent::csv("Ticket,Text\n1,=1+1\n2,'x\n");
    assert_eq!(sent.compared("Ticket,Text", &[("1,'=1+1", 0), ("2,''x", 1)]), [None; 2]);
    let columns = ["text=b", "text=c"].map(|column| column.parse().unwrap()).to_vec();
    let sent = Sent::of("Ticket,b,a,c,c\n1,x,y,z,z\n", Options { columns, ..Options::new(Format::Csv) });
    assert_eq!(sent.compared("Ticket,b,a,c,c", &[("1,x,other,z,z", 0)]), [None]);
    assert_eq!(sent.compared("Ticket,b,a,c,c", &[("1,x,y,z,other", 0)]), [Some(Text)]);
    let template = Some("{{a}}: {{b}}".parse().unwrap());
    let sent = Sent::of("Ticket,a,b\n1,x,y\n", Options { template, ..Options::new(Format::Csv) });
    assert_eq!(sent.compared("Ticket,a,b", &[("1,x,y", 0)]), [None]);
    assert_eq!(sent.compared("Ticket,a,b", &[("1,x,other", 0)]), [Some(Text)]);
    let (format, options) = (Format::JsonLines, sent.read_as.1.options.clone());
    let of_objects = Sent::of("{\"Ticket\":1,\"a\":1.50,\"b\":2}\n", Options { format, ..options });
    assert_eq!(of_objects.compared("Ticket,a,b", &[("1,1.5,2", 0)]), [None]);
    assert_eq!(of_objects.compared("Ticket,a,b", &[("2,1.5,2", 0)]), [Some(OtherTicket)]);
    // A column of the input with the name of an added column cannot be told apart from it.
    let columns = vec!["text=reason".parse().unwrap()];
    let sent = Sent::of("Ticket,reason\n1,x\n", Options { columns, ..Options::new(Format::Csv) });
    assert_eq!(sent.compared("Ticket,reason", &[("1,x", 0)]), [None]);
}

#[test]
fn rows_that_a_column_names_are_compared_by_their_names_and_with_the_input_as_it_is() {
    let columns = vec!["key=id".parse().unwrap()];
    let options = Options { columns, ..Options::new(Format::Csv) };
    let sent = Sent::of("id,Ticket,Text\nA,1,a\nB,1,b\n", options.clone());
    assert_eq!(sent.compared("id,Ticket,Text", &[("A,1,a", 0), ("B,1,b", 1)]), [None; 2]);
    assert_eq!(sent.compared("id,Ticket,Text", &[("A,1,a", 1), ("A,2,a", 0)]), [Some(Name), Some(OtherTicket)]);
    // The row was repaired since its last record, and the export has the repaired content.
    let mut rows = Rows::open(&b"id,Ticket,Text\nA,2,new\nB,1,b\n"[..], &options.into()).unwrap();
    let named = named_rows(&mut rows, &Identity::of(IDENTITY)).unwrap();
    let identity = Identity::of(IDENTITY);
    let (batch, histories, reader_config) = (&sent.batch, &sent.histories, Some(sent.read_as.clone()));
    let recorded = Recorded { batch, histories, identity, reader_config, named: Some(named) };
    let compared = |cells: &str, at: usize| {
        let file = format!("id,Ticket,Text,decision,batchpost_key\n{cells},waived,{}\n", sent.keys[at]);
        decisions(file.as_bytes(), &recorded).unwrap()[0].contradicts
    };
    assert_eq!(compared("A,2,new", 0), None);
    assert_eq!(compared("A,1,new", 0), Some(OtherTicket));
    assert_eq!(compared("A,2,b", 0), Some(Text));
    assert_eq!(compared("A,2,new", 1), Some(OtherTicket));
}

#[test]
fn an_invalid_row_may_be_mended_in_the_sheet_but_not_be_another_row() {
    let sent = Sent::csv("Ticket,Text\nx,a\n1,b\n");
    assert_eq!(sent.compared("Ticket,Text", &[("x,a", 0), ("2,a", 0)][..1]), [None]);
    assert_eq!(sent.compared("Ticket,Text", &[("2,a", 0)]), [None]);
    assert_eq!(sent.compared("Ticket,Text", &[("1,b", 0)]), [Some(Text)]);
    assert_eq!(sent.compared("Ticket,Text", &[("x,a", 1)]), [Some(OtherTicket)]);
}

#[test]
fn what_contradicts_the_ledger_is_refused_before_what_came_too_late() {
    let sent = Sent::csv(SHEET);
    let decided = |attempts, contradicts| {
        let decided = Decided { attempts, contradicts, ..posted(sent.keys[0]) };
        settle(&sent.batch, &sent.histories, decided).err()
    };
    assert_eq!(decided(Some(1), None), None);
    assert_eq!(decided(Some(0), None), Some(SettleError::SentSince));
    assert_eq!(decided(Some(0), Some(Text)), Some(SettleError::Contradicts(Text)));
    assert_eq!(decided(Some(1), Some(Row)), Some(SettleError::Contradicts(Row)));
    // A later reading of the input may have assigned another number.
    assert_eq!(decided(Some(0), Some(Row)), Some(SettleError::SentSince));
    assert_eq!(decided(Some(2), None), Some(SettleError::Contradicts(Contradiction::Attempts)));
}

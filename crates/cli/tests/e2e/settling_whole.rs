//! A settlement is recorded whole or not at all: on a full disk, cut off anywhere, and by a sheet that does not fit the ledger.

use crate::support::{Api, Folder, ended, records};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// A row that is posted, and so many of which no note can be made.
fn with_invalid(rows: u64) -> Folder {
    let api = Api::failing(&[]);
    let folder = Folder::new();
    let invalid: String = (1..=rows).map(|row| format!("x{row},note\n")).collect();
    folder.write("notes.csv", format!("Ticket ID,Comment\n1001,note\n{invalid}"));
    folder.run(&api, &["--skip-invalid"]).with_code(1);
    folder
}

fn invalid(folder: &Folder) -> u64 {
    folder.call(&["status", LEDGER, "--json"]).json()["invalid"].as_u64().unwrap()
}

const WAIVE: [&str; 6] = ["settle", LEDGER, "--state", "invalid", "--as", "waived"];

/// A disk that is full, as a bound on the size of files: the shell makes the signal of that bound be ignored.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_none_of_700_decisions_is_recorded_and_with_room_again_all_are() {
    let folder = with_invalid(700);
    let before = folder.read(LEDGER);
    // In blocks of 512 bytes. The decisions take more than 100 of them.
    for room in [0, 1, 40, 100] {
        let blocks = before.len().div_ceil(512) + room;
        let bound = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let command = folder.batchpost(&WAIVE);
        ended(&mut folder.in_shell(&bound, &command)).with_code(3).saying(&[
            LEDGER,
            "File too large",
            "no decision was recorded",
        ]);
        assert_eq!(invalid(&folder), 700, "with room for {room} blocks");
        assert_eq!(folder.read(LEDGER), before, "with room for {room} blocks");
    }
    folder.call(&WAIVE).with_code(0);
    assert_eq!(invalid(&folder), 0);
    assert_eq!(records(&folder.ledger(LEDGER), "settle").len(), 1);
}

/// More than fit into one record.
#[test]
fn a_settlement_of_several_records_counts_with_its_last_one_and_no_sooner_and_is_given_again() {
    let rows = 5000;
    let folder = with_invalid(rows);
    let before = folder.read(LEDGER);
    folder.call(&WAIVE).with_code(0);
    let whole = folder.read(LEDGER);
    let settlements: Vec<_> = records(&folder.ledger(LEDGER), "settle").iter().map(|s| s["part"].clone()).collect();
    assert_eq!(settlements.len(), 2);
    assert_eq!(settlements[1], serde_json::json!({ "number": 2, "of": 2 }));
    assert_eq!(invalid(&folder), 0);

    let added: Vec<&str> = whole[before.len()..].split_inclusive('\n').collect();
    let kinds: Vec<_> = added.iter().map(|line| line.contains("\"settle\"")).collect();
    assert_eq!(kinds, [false, true, true, false], "a mark, two records, a mark");
    let (mark, first, second) = (added[0].len(), added[1].len(), added[2].len());
    for (at, incomplete) in [
        (mark, false),
        (mark + first / 2, false),
        (mark + first, true),
        (mark + first + second / 2, true),
        (mark + first + second - 1, true),
    ] {
        folder.write(LEDGER, &whole[..before.len() + at]);
        assert_eq!(invalid(&folder), rows, "cut after {at} bytes");
        for command in [&["status", LEDGER][..], &["show", LEDGER, "--row", "1"]] {
            let ran = folder.call(command);
            let said = ran.stdout.clone() + &ran.stderr;
            assert_eq!(said.contains("1 settlement was cut off"), incomplete, "{command:?}, {at}: {said}");
        }
        folder.call(&WAIVE).with_code(0).saying(if incomplete { &["1 settlement was cut off"] } else { &[] });
        assert_eq!(invalid(&folder), 0, "cut after {at} bytes");
        let ran = folder.call(&["status", LEDGER]);
        assert!(!ran.stdout.contains("cut off"), "{}", ran.stdout);
    }
}

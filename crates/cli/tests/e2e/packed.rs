//! Archived, packed ledgers: they can be read and searched like any other, but never written to.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Api, Folder, LIMIT, ended, sheet, texts};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const PACKED: &str = "notes.csv.ledger.jsonl.gz";

/// Packs the ledger, as `gzip` does.
fn pack(folder: &Folder) {
    let mut member = GzEncoder::new(Vec::new(), Compression::default());
    member.write_all(folder.read(LEDGER).as_bytes()).unwrap();
    folder.write(PACKED, member.finish().unwrap());
    fs::remove_file(folder.path(LEDGER)).unwrap();
}

/// A batch of four rows: the second rejected, the third in doubt.
fn posted() -> (Api, Folder) {
    posted_under(LIMIT)
}

fn posted_under(limit: &str) -> (Api, Folder) {
    let api = Api::failing(&["400@2", "reset@3"]);
    let folder = Folder::with_rows(4);
    folder.run(&api, &["--concurrency", "1", "--limit", limit]).with_code(4);
    (api, folder)
}

#[test]
fn what_only_looks_says_of_a_packed_ledger_what_it_said_of_the_plain_one() {
    // The used part of the limit is reported and must be the same in both calls.
    let (_api, folder) = posted_under("500/1h");
    let looks: [&[&str]; 6] = [
        &["status"],
        &["show", "--state", "in_doubt"],
        &["show", "--row", "2", "--json"],
        &["export", "--state", "rejected,in_doubt"],
        &["audit"],
        &["report", "-o", "-"],
    ];
    let look = |ledger: &str| -> Vec<String> {
        let call = |arguments: &[&str]| {
            let out = folder.call(&[&arguments[..1], &[ledger], &arguments[1..]].concat());
            assert!(matches!(out.code, Some(0 | 4)), "{out:?}");
            // The used part of the limit changes from moment to moment.
            let lines = out.stdout.lines().filter(|line| !line.starts_with("limit:"));
            lines.collect::<Vec<_>>().join("\n").replace(PACKED, LEDGER)
        };
        looks.into_iter().map(call).collect()
    };
    let plain = look(LEDGER);
    pack(&folder);
    assert_eq!(look(PACKED), plain);
    assert_eq!(folder.names(), ["notes.csv", PACKED, &format!("{LEDGER}.lock")], "nothing is left of unpacking");
}

#[test]
fn what_would_add_to_it_says_how_to_unpack_it_and_sends_nothing() {
    let (api, folder) = posted();
    pack(&folder);
    let url = api.url();
    let run = ["run", "notes.csv", "--url", &url, "--limit", LIMIT, "--ledger", PACKED];
    let settle = ["settle", PACKED, "--state", "in_doubt", "--as", "posted"];
    let before = folder.names();
    for arguments in [&run[..], &["resume", PACKED], &settle, &["salvage", PACKED, "-o", "new.jsonl"]] {
        folder.call(arguments).with_code(2).saying(&[&format!("unpack it with `gunzip {PACKED}`")]);
    }
    // A run would not work either, and `doctor` says so.
    let doctor = folder.call(&["doctor", PACKED, "--json"]).with_code(2).json();
    let problems = doctor["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "problem");
    let problems: Vec<_> = problems.map(|finding| (&finding["check"], finding["advice"].as_str().unwrap())).collect();
    let advice = format!("unpack it with `gunzip {PACKED}`");
    assert_eq!(problems, [(&"ledger".into(), advice.as_str())], "{doctor}");
    assert_eq!((api.arrivals(), folder.names()), (4, before));
}

#[test]
fn rows_that_a_packed_ledger_knows_are_not_posted_again_unasked() {
    let (api, folder) = posted();
    pack(&folder);
    // The same input, whose own ledger is gone from its name, and the same rows under another name.
    folder.write("copy.csv", sheet(1..=5));
    for input in ["notes.csv", "copy.csv"] {
        let out = folder.call(&["run", input, "--url", &api.url(), "--limit", LIMIT]);
        out.with_code(2).saying(&[
            "3 rows are already recorded as posted or in doubt",
            PACKED,
            "--known skip",
            "unpacked first (`gunzip ",
            PACKED,
        ]);
    }
    assert_eq!(api.arrivals(), 4);
    let known = ["run", "copy.csv", "--url", &api.url(), "--limit", LIMIT, "--known", "skip", "--json"];
    let json = folder.call(&known).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted_now"]), (&3.into(), &2.into()), "{json}");
    // The note of the reset request exists as well.
    assert!(texts(5).iter().filter(|text| api.texts().contains(text)).count() >= 4, "{:?}", api.texts());

    fs::create_dir(folder.path("archive")).unwrap();
    fs::rename(folder.path(PACKED), folder.path("archive").join("november.gz")).unwrap();
    folder.write("third.csv", sheet(1..=1));
    let history = ["run", "third.csv", "--url", &api.url(), "--limit", LIMIT, "--history", "archive"];
    folder.call(&history).with_code(2).saying(&["1 row is already recorded as posted or in doubt", "november.gz"]);
}

#[test]
fn a_packed_ledger_that_is_damaged_or_cut_off_is_no_reason_to_post() {
    let (api, folder) = posted();
    pack(&folder);
    folder.write("copy.csv", sheet(1..=5));
    let whole = fs::read(folder.path(PACKED)).unwrap();
    let mut damaged = whole.clone();
    // In the trailing checksum: all lines of the ledger are intact.
    let at = damaged.len() - 8;
    damaged[at] ^= 1;
    let head = whole[..11].to_vec();
    for (bytes, why) in [(damaged, "damaged"), (whole[..whole.len() - 3].to_vec(), "cut off"), (head, "cut off")] {
        folder.write(PACKED, bytes);
        // With an empty state folder, which has no notes about the packed ledger.
        let run = folder.call(&["run", "copy.csv", "--url", &api.url(), "--limit", LIMIT, "--state-dir", "empty"]);
        run.with_code(3).saying(&[PACKED, "compressed (gzip)", why]);
        folder.call(&["status", PACKED]).with_code(3).saying(&["compressed (gzip)", why]);
    }
    assert_eq!(api.arrivals(), 4);
}

#[test]
fn a_packed_input_beside_is_no_ledger() {
    let api = Api::failing(&[]);
    let folder = Folder::with_rows(2);
    let mut member = GzEncoder::new(Vec::new(), Compression::default());
    member.write_all(b"{\"Ticket ID\":1,\"Comment\":\"x\"}\n").unwrap();
    folder.write("other.jsonl.gz", member.finish().unwrap());
    folder.run(&api, &[]).with_code(0);
}

#[test]
fn every_command_that_is_hinted_at_works_as_it_stands() {
    for (faults, more) in
        [(&["400@2", "reset@3", "500@4"][..], &["--max-attempts", "1"][..]), (&["400@2"], &[]), (&["401@3"], &[])]
    {
        let api = Api::failing(faults);
        let folder = Folder::with_rows(6);
        folder.run(&api, &[&["--concurrency", "1"], more].concat());
        let plain = folder.read(LEDGER);
        pack(&folder);
        let said = folder.call(&["status", PACKED]).stdout;
        let commands: Vec<Vec<&str>> =
            said.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split(' ').collect()).collect();
        let commands: Vec<&Vec<&str>> =
            commands.iter().filter(|words| ["batchpost", "gunzip"].contains(&words[0])).collect();
        assert!(!commands.is_empty(), "{said}");
        for words in commands {
            if words[0] == "gunzip" {
                assert_eq!(words[1..], [PACKED]);
                folder.write(LEDGER, &plain);
                fs::remove_file(folder.path(PACKED)).unwrap();
                continue;
            }
            let ran = folder.call(&words[1..]);
            assert!(matches!(ran.code, Some(0 | 1 | 4)), "{words:?} after {said}: {ran:?}");
        }
    }
}

#[test]
fn it_is_refused_before_it_is_unpacked_and_before_keys_are_asked_for() {
    let (_api, folder) = posted();
    pack(&folder);
    // It is cut off, which only unpacking would reveal.
    let whole = fs::read(folder.path(PACKED)).unwrap();
    folder.write(PACKED, &whole[..whole.len() / 2]);
    let mut resume = folder.batchpost(&["resume", PACKED]);
    resume.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY");
    ended(&mut resume).with_code(2).saying(&[&format!("unpack it with `gunzip {PACKED}`")]);
}

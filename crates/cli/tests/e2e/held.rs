//! A row that was edited after it was posted waits for a decision.

use crate::support::{Api, Folder, quick, records, text, texts};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// Four posted rows, of which the second was then edited and held by the next run.
fn edited() -> (Api, Folder) {
    let api = Api::start(quick());
    let folder = Folder::with_rows(4);
    folder.run(&api, &[]).with_code(0);
    folder.write(
        "notes.csv",
        folder.read("notes.csv").replace("note 002", "note 2, better").replace("note 2, better", "\"note 2, better\""),
    );
    let ran = folder.run(&api, &[]).with_code(1).saying(&["held", "row=2 ticket=1002", "--changed post", "to-do"]);
    let json = ran.json();
    assert_eq!((&json["held"], &json["posted"], &json["vanished"]), (&1.into(), &3.into(), &1.into()), "{json}");
    assert_eq!((&json["attempts_now"], api.texts()), (&0.into(), texts(4)), "{json}");
    (api, folder)
}

/// The texts on the server after the edited row was posted too.
fn with_the_edit() -> Vec<String> {
    let mut all = texts(4);
    all.insert(1, "note 2, better".to_owned());
    all.sort();
    all
}

#[test]
fn an_edited_row_is_held_and_named_until_it_is_said_to_be_posted() {
    let (api, folder) = edited();
    let check = folder.call(&["check", "notes.csv", "--url", &api.url()]).with_code(1).stdout;
    assert!(check.contains("held:\n  row 2 (line 3), ticket 1002"), "{check}");
    let shown = folder.call(&["show", LEDGER, "--state", "held"]).with_code(0).stdout;
    assert!(shown.contains("row 2 ticket 1002 held"), "{shown}");
    folder.call(&["status", LEDGER]).with_code(1);

    let json = folder.run(&api, &[]).with_code(1).json();
    assert_eq!((&json["held"], &json["attempts_now"]), (&1.into(), &0.into()), "{json}");
    assert_eq!(records(&folder.ledger(LEDGER), "aside").len(), 1, "what the ledger says is not said again");
    let json = folder.run(&api, &["--changed", "post"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&4.into(), &1.into()), "{json}");
    assert_eq!(api.texts(), with_the_edit());
    folder.call(&["audit", LEDGER]).with_code(0);
}

#[test]
fn a_held_row_is_released_by_a_decision() {
    let (api, folder) = edited();
    folder.call(&["settle", LEDGER, "--state", "held", "--as", "to-do"]).with_code(0);
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&4.into(), &1.into()), "{json}");
    assert_eq!(api.texts(), with_the_edit());
}

#[test]
fn the_commands_that_are_hinted_at_for_held_rows_release_them_as_they_stand() {
    let (api, folder) = edited();
    let again = folder.run(&api, &[]).with_code(1).stderr;
    let of_row = again.split('`').find(|part| part.starts_with("batchpost settle")).expect("the warning has a command");
    let status = folder.call(&["status", LEDGER]).with_code(1).stdout;
    let of_all = status.lines().find_map(|line| line.strip_prefix("  batchpost settle")).expect("so has what is next");
    for command in [of_row.strip_prefix("batchpost settle").unwrap(), of_all] {
        let arguments: Vec<&str> = std::iter::once("settle").chain(command.split_whitespace()).collect();
        folder.call(&arguments).with_code(0);
        let json = folder.call(&["status", LEDGER, "--json"]).json();
        assert_eq!((&json["held"], &json["pending"]), (&0.into(), &1.into()), "{command}: {json}");
        folder.call(&["settle", LEDGER, "--rows", "2", "--undo"]).with_code(0);
    }
}

#[test]
fn a_held_row_that_nobody_needs_is_waived() {
    let (api, folder) = edited();
    folder.call(&["settle", LEDGER, "--state", "held", "--as", "waived"]).with_code(0);
    for _ in 0..2 {
        let json = folder.run(&api, &[]).with_code(0).json();
        assert_eq!(
            (&json["skipped"], &json["held"], &json["attempts_now"]),
            (&1.into(), &0.into(), &0.into()),
            "{json}"
        );
    }
    assert_eq!(api.texts(), texts(4));
}

#[test]
fn a_held_row_whose_old_text_is_back_beside_it_is_posted() {
    let (api, folder) = edited();
    folder.write("notes.csv", folder.read("notes.csv") + "1002,note 002\n");
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&5.into(), &1.into()), "{json}");
}

#[test]
fn a_new_comment_on_a_ticket_whose_posted_one_is_still_there_is_posted() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &[]).with_code(0);
    folder.write("notes.csv", folder.read("notes.csv") + "1002,another one\n");
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"], &json["held"]), (&4.into(), &1.into(), &0.into()), "{json}");
    assert_eq!(api.notes().last().unwrap().text, "another one");
}

#[test]
fn an_edit_of_a_row_in_doubt_is_held_as_well() {
    let api = Api::failing(&["reset@2"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    folder.write("notes.csv", folder.read("notes.csv").replace(&text(2), "edited"));
    let json = folder.run(&api, &[]).with_code(1).json();
    assert_eq!(
        (&json["held"], &json["vanished_in_doubt"], &json["attempts_now"]),
        (&1.into(), &1.into(), &0.into()),
        "{json}"
    );
}

#[test]
fn a_marked_note_ends_with_the_reference_that_show_prints() {
    let api = Api::failing(&["reset@2"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--marker", "--concurrency", "1", "--first", "2"]).with_code(4);
    folder.call(&["resume", LEDGER]).with_code(4);
    let notes = api.notes();
    assert_eq!(notes.len(), 3);
    for (note, row) in notes.iter().zip(1..) {
        let shown = folder.call(&["show", LEDGER, "--row", &row.to_string()]).with_code(0).stdout;
        let reference = shown.lines().next().unwrap().rsplit_once("reference ").unwrap().1.to_owned();
        assert_eq!(note.text, format!("{}\n\n[{reference}]", text(row)));
    }
    // A byte order mark does not change a row's identity.
    let json = folder.run(&api, &[]).with_code(4).json();
    assert_eq!(json["attempts_now"], 0, "{json}");
}

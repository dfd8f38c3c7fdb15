//! A row whose outcome is unknown is in doubt, and is sent again only on request.

use crate::support::{Api, Folder, ended, text, texts};

/// Posts twelve rows, of which the fifth request meets `fault`. `creates` tells whether its note is created
/// all the same.
#[track_caller]
fn leaves_its_row_in_doubt(fault: &str, creates: bool) {
    let api = Api::failing(&[&format!("{fault}@5")]);
    let folder = Folder::with_rows(12);
    let json = folder.run(&api, &["--concurrency", "1"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"], &json["stopped"]), (&1.into(), &11.into(), &().into()), "{json}");
    assert_eq!(api.arrivals(), 12, "it was sent once, and never again by the HTTP client itself");

    let again = ended(&mut folder.run_command(&api.url(), &[])).with_code(4);
    assert_eq!(api.arrivals(), 12, "a row in doubt is not sent by the next run");
    let again = again.saying(&["row=5", "ticket=1005", "in doubt"]);
    assert!(again.stdout.contains("1  in doubt"), "{}", again.stdout);

    let json = folder.run(&api, &["--in-doubt", "retry"]).with_code(0).json();
    assert_eq!((&json["attempts_now"], &json["posted"]), (&1.into(), &12.into()), "{json}");
    let mut expected = texts(12);
    if creates {
        expected.insert(4, text(5));
    }
    assert_eq!((api.arrivals(), api.texts()), (13, expected));

    folder.run(&api, &["--in-doubt", "retry"]).with_code(0);
    assert_eq!(api.arrivals(), 13, "what was posted then is no longer in doubt");
}

#[test]
fn a_login_page_leaves_its_row_in_doubt() {
    leaves_its_row_in_doubt("login-page", false);
}

#[test]
fn a_reply_cut_short_leaves_its_row_in_doubt() {
    leaves_its_row_in_doubt("cut-short", true);
}

#[test]
fn a_reset_after_the_request_leaves_its_row_in_doubt() {
    leaves_its_row_in_doubt("reset", true);
}

#[test]
fn a_bad_gateway_leaves_its_row_in_doubt() {
    leaves_its_row_in_doubt("502", false);
}

#[test]
fn an_answer_for_another_ticket_leaves_its_row_in_doubt() {
    leaves_its_row_in_doubt("wrong-ticket", true);
}

#[test]
fn a_time_out_leaves_its_row_in_doubt() {
    let api = Api::failing(&["silence@5"]);
    let folder = Folder::with_rows(12);
    let json = folder.run(&api, &["--timeout", "1500ms"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"]), (&1.into(), &11.into()), "{json}");
    assert_eq!(api.texts(), texts(12));
    folder.run(&api, &["--timeout", "1500ms"]).with_code(4);
    assert_eq!(api.arrivals(), 12);
}

#[test]
fn doubt_outlives_a_rejection() {
    let api = Api::failing(&["reset@1", "400@2"]);
    let folder = Folder::with_rows(1);
    folder.run(&api, &[]).with_code(4);
    let json = folder.run(&api, &["--in-doubt", "retry"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["rejected"]), (&1.into(), &0.into()), "the first note may exist: {json}");
}

#[test]
fn a_doubt_is_never_retried_by_resume_unless_it_is_said_again() {
    let api = Api::failing(&["reset@1,2"]);
    let folder = Folder::with_rows(1);
    folder.run(&api, &[]).with_code(4);
    folder.run(&api, &["--in-doubt", "retry"]).with_code(4);
    assert_eq!(api.arrivals(), 2);
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl"])).with_code(4);
    assert_eq!(api.arrivals(), 2, "to send rows in doubt again is asked for anew each time");
}

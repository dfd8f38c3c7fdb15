//! A batch as an HTML page.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Api, Folder, Running, records, sheet, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const PAGE: &str = "notes.csv.ledger.jsonl.report.html";

/// One row of each kind: row 2 rejected, 3 failed, 4 in doubt, 5 invalid with markup in its ticket cell, the
/// others posted.
fn mixed() -> Folder {
    let api = Api::failing(&["400@ticket:2", "500@ticket:3", "login-page@ticket:4"]);
    let folder = Folder::new();
    let hostile = "\"</script><img src=x onerror=alert(1)>\"\"\u{202e}\"";
    folder.write("notes.csv", format!("Ticket,Text\n1,s3cret text\n2,b\n3,c\n4,d\n{hostile},e\n7,g\n"));
    folder.run(&api, &["--skip-invalid", "--max-attempts", "2"]).with_code(4);
    folder
}

#[track_caller]
fn reported(folder: &Folder, arguments: &[&str]) -> String {
    folder.call(&[&["report", LEDGER], arguments].concat()).with_code(0).saying(&["rows reported in"]);
    folder.read(PAGE)
}

/// A ledger with these records, sealed as in `docs/ledger-format.md`.
fn ledger_of(records: &[(&str, Value)]) -> String {
    let mut ledger = String::new();
    for (number, (kind, record)) in (1..).zip(records) {
        let covered = format!("{{\"n\":{number},\"{kind}\":{record}");
        let mut crc = crc32fast::Hasher::new();
        crc.update(&7u64.to_le_bytes());
        crc.update(covered.as_bytes());
        ledger += &format!("{covered},\"crc\":\"{:08x}\"}}\n", crc.finalize());
    }
    ledger
}

/// Spreads the values like the hashes that keys consist of.
fn key(row: u64) -> String {
    format!("{:016x}{row:016x}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

const WALL: &str = "2026-11-22T10:00:00Z";

fn begun(rows: u64) -> Vec<(&'static str, Value)> {
    let read = json!({"rows": rows, "blank": 0, "fingerprint": ""});
    let input =
        json!({"path": "/x/notes.csv", "format": "csv", "columns": [], "ticket": "t", "text": ["x"], "read": read});
    vec![
        (
            "ledger",
            json!({"version": 1, "id": "0000000000000007", "key_scheme": 1, "tool": "t", "target": "u", "wall": WALL}),
        ),
        ("run", json!({"run": 1, "tool": "t", "wall": WALL, "input": input, "settings": {"limits": ["25/5s"]}})),
    ]
}

/// An attempt for `row` with the reply `reply`.
fn answered(row: u64, outcome: &str, reply: &str) -> [(&'static str, Value); 2] {
    let verdict = if outcome == "failed" { "again" } else { outcome };
    let mut of = json!({"row": row, "key": key(row), "ticket": 7, "attempt": 1, "at_us": row * 200_000, "wall": WALL});
    let intent = of.clone();
    for (name, value) in
        [("verdict", json!(verdict)), ("stands", json!(outcome)), ("status", json!(500)), ("reply", json!(reply))]
    {
        of[name] = value;
    }
    [("intent", intent), ("outcome", of)]
}

#[test]
fn a_report_tells_what_became_of_the_rows_and_what_to_type_next() {
    let folder = mixed();
    let page = reported(&folder, &[]);
    for words in [
        "2 of 6 rows are posted. 1 is still to do. 3 need a person’s attention.",
        "<h2>Attempts per second</h2>",
        "id=\"rejected\"",
        "id=\"failed\"",
        "id=\"in_doubt\"",
        "id=\"invalid\"",
        "batchpost export notes.csv.ledger.jsonl --state in_doubt -o in-doubt.csv",
        "batchpost settle notes.csv.ledger.jsonl --from in-doubt.csv",
        "batchpost resume notes.csv.ledger.jsonl",
        "<td>500/1s</td><td>held</td>",
    ] {
        assert!(page.contains(words), "{words:?} is not in the page");
    }
    let attempts = records(&folder.ledger(LEDGER), "intent").len();
    assert!(page.contains(&format!("<dt>Attempts</dt><dd><b class=\"\">{attempts}</b>")), "{attempts} attempts");
    assert!(!page.contains("s3cret"), "a note's text is in the page");
}

/// The start of each listed row.
const FIRST_CELL: &str = "<td class=\"n\" data-is=\"row\">";

/// The row number and ticket of each listed row.
fn listed(page: &str) -> Vec<(String, String)> {
    let cell = |rest: &str, is: &str| {
        let cell = rest.split(&format!("data-is=\"{is}\">")).nth(1).unwrap();
        cell.split('<').next().unwrap().to_owned()
    };
    page.split(FIRST_CELL)
        .skip(1)
        .map(|rest| rest.split("</tr>").next().unwrap())
        .map(|row| (row.split('<').next().unwrap().to_owned(), cell(row, "ticket")))
        .collect()
}

#[test]
fn rows_have_the_numbers_that_show_gives_them_or_it_is_said_that_they_have_not() {
    let api = Api::failing(&["reset@2,3"]);
    let folder = Folder::with_rows(5);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    folder.write("notes.csv", sheet((1..=5).rev()));
    folder.run(&api, &[]).with_code(4);
    let page = reported(&folder, &[]);
    let shown = folder.call(&["show", LEDGER, "--state", "in_doubt"]).stdout;
    for (row, ticket) in listed(&page) {
        assert!(shown.contains(&format!("row {row} ticket {ticket} in_doubt: ")), "{row} {ticket} in\n{shown}");
    }
    assert_eq!(listed(&page).len(), 2, "{page}");
    assert!(!page.contains("--rows") && !page.contains("numbered by an earlier reading"), "{page}");

    fs::remove_file(folder.path("notes.csv")).unwrap();
    let page = reported(&folder, &[]);
    assert_eq!(page.matches("<em>numbered by an earlier reading</em>").count(), 2, "{page}");
    assert!(!page.contains("--rows"), "{page}");
}

#[test]
fn what_was_mended_or_taken_out_needs_nobody_and_is_counted_as_status_counts_it() {
    let api = Api::failing(&["400@ticket:2"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,a\n2,b\nx,c\ny,d\n");
    folder.run(&api, &["--skip-invalid"]).with_code(1);
    folder.write("notes.csv", "Ticket,Text\n1,a\n3,c\n4,d\n");
    folder.run(&api, &[]).with_code(0);
    let page = reported(&folder, &[]);
    let gone = "1 more job is no longer in the input";
    assert!(folder.call(&["status", LEDGER]).stdout.contains(gone), "status");
    assert!(page.contains(gone) && page.contains("All 3 rows are posted."), "{page}");
    assert!(page.contains("No row is rejected, failed, in doubt, invalid or held."), "{page}");
    assert_eq!(listed(&page), []);
}

#[test]
fn what_a_cell_holds_stands_in_the_page_as_text_only() {
    let page = reported(&mixed(), &[]);
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"), "the cell is not in the page");
    assert!(!page.contains("<img") && !page.contains('\u{202e}'), "the cell is markup");
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn whatever_an_answer_says_no_tag_and_no_attribute_comes_of_it() {
    let hostile = "' onmouseover=x \" autofocus onfocus=y <svg onload=z> </td></table></style></script><script>w</script> \u{1b}[2J &lt;";
    let mut records = begun(2);
    records.extend(answered(1, "rejected", hostile));
    records.extend(answered(2, "failed", hostile));
    records.push((
        "settle",
        json!({"wall": WALL, "why": hostile, "rows": [
        {"row": 1, "key": key(1), "was": "rejected", "stands": "held"}]}),
    ));
    records[0].1["target"] = json!(hostile);
    records[1].1["tool"] = json!(hostile);
    records[1].1["input"]["path"] = json!(hostile);
    let folder = Folder::new();
    folder.write(LEDGER, ledger_of(&records));
    let page = reported(&folder, &[]);
    assert!(page.matches("&lt;svg onload=z&gt;").count() >= 6, "{page}");
    assert!(!page.contains("<svg onload") && !page.contains("<script>") && !page.contains("\" autofocus"), "{page}");
    assert!(page.contains("[U+001B][2J &amp;lt;") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn a_page_needs_nothing_from_anywhere() {
    let page = reported(&mixed(), &[]);
    for word in ["src=\"", "src='", "href", "@import", "url(", "eval(", "innerHTML"] {
        assert!(!page.contains(word), "{word:?} is in the page");
    }
    // The only URL is that of the account, as text.
    for (at, _) in page.match_indices("http") {
        let around = &page[at..page.len().min(at + 30)];
        assert!(around.starts_with("http-equiv") || around.starts_with("http://127.0.0.1:"), "{around:?}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_report_is_made_anew_and_nothing_else_is_replaced_unasked() {
    let folder = mixed();
    let first = reported(&folder, &[]);
    assert_eq!(reported(&folder, &[]), first, "the same ledger makes the same page");

    folder.write("mine.html", "<p>mine</p>");
    let refused = ["report", LEDGER, "-o", "mine.html"];
    folder.call(&refused).with_code(2).saying(&["mine.html already exists and is not a report", "--force"]);
    assert_eq!(folder.read("mine.html"), "<p>mine</p>");
    folder.call(&[&refused[..], &["--force"]].concat()).with_code(0);
    assert_eq!(folder.read("mine.html"), first);

    let before = folder.read(LEDGER);
    folder.call(&["report", LEDGER, "-o", LEDGER, "--force"]).with_code(2).saying(&["is a ledger"]);
    assert_eq!(folder.read(LEDGER), before);
    assert_eq!(folder.call(&["report", LEDGER, "-o", "-"]).with_code(0).stdout, first);
    assert!(folder.names().iter().all(|name| !name.starts_with(".tmp")), "{:?}", folder.names());
}

#[test]
fn a_report_for_a_program_is_one_object() {
    let folder = mixed();
    let said = folder.call(&["report", LEDGER, "--json", "-o", "it.html"]).with_code(0).json();
    assert_eq!((&said["report"], &said["rows"]), (&"it.html".into(), &6.into()), "{said}");
    assert_eq!(said["bytes"], fs::metadata(folder.path("it.html")).unwrap().len());
}

#[test]
fn however_many_rows_went_wrong_the_page_is_bounded_and_names_the_rest() {
    let reason = "\"'<&>".repeat(60);
    let rows = 6000;
    let mut records = begun(rows);
    for row in 1..=rows {
        records.extend(answered(row, ["rejected", "failed"][(row % 2) as usize], &reason));
    }
    let folder = Folder::new();
    folder.write(LEDGER, ledger_of(&records));
    let page = reported(&folder, &[]);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(
        page.contains(" more: <code>batchpost export notes.csv.ledger.jsonl --state rejected"),
        "no word of the rest"
    );
    let shown = page.matches(FIRST_CELL).count();
    let first = page.split(" more: <code>").next().unwrap();
    let rest: usize = first.rsplit("and ").next().unwrap().replace(',', "").parse().unwrap();
    assert!(shown < 2 * (3000 - rest) + 2 && rest > 2000, "{shown} shown, {rest} more");
}

#[test]
fn bars_are_as_high_as_the_rate_and_the_limit_is_drawn_over_them() {
    let mut records = begun(24);
    (1..=24).for_each(|row| records.extend(answered(row, "failed", "500")));
    let folder = Folder::new();
    folder.write(LEDGER, ledger_of(&records));
    let page = reported(&folder, &[]);
    // 24 attempts in the single bar of 5 s are 4.8 per second; the scale ends at 6.
    assert!(page.contains(r#"<path class="again" d="M0 100V20H1000V100z">"#), "{page}");
    assert!(page.contains(r#"<path class="limit" d="M0 16.67H1000">"#), "{page}");
}

#[test]
fn batches_with_nothing_in_them_have_a_page_too() {
    for (records, words) in [
        (begun(0)[..1].to_vec(), "Nothing has been sent yet."),
        (begun(0), "The input has no rows."),
        (begun(3), "0 of 3 rows are posted. 3 are still to do."),
    ] {
        let folder = Folder::new();
        folder.write(LEDGER, ledger_of(&records));
        let page = reported(&folder, &[]);
        assert!(page.contains(words), "{words:?} is not in {page}");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}

#[test]
fn a_run_that_paused_for_an_api_that_failed_is_reported_with_each_pause_and_what_came_after() {
    let api = Api::failing(&["503-retry-after@1,2,3,4,5"]);
    let folder = Folder::with_rows(20);
    let more = ["--give-up-after", "1s", "--concurrency", "4"];
    let run = Running::start(&mut folder.run_command(&api.url(), &more));
    // The row whose reply showed the failure is retried in a minute.
    let posted = || {
        folder.path(LEDGER).exists() && folder.read(LEDGER).matches("\"verdict\":\"posted\",\"stands\"").count() == 19
    };
    until("the others are posted", posted);
    run.killed();
    let ledger = folder.ledger(LEDGER);
    let (paused, resumed) = (records(&ledger, "pause"), records(&ledger, "resumed"));
    assert_eq!((paused.len(), resumed.len()), (1, 1), "{paused:?} {resumed:?}");
    assert_eq!((&paused[0]["cause"], &resumed[0]["verdict"]), (&"failing".into(), &"posted".into()));
    let at = |record: &Value| record["at_us"].as_u64().unwrap();
    let wait = paused[0]["wait_us"].as_u64().unwrap();
    assert!((1..=1_000_000).contains(&wait) && paused[0]["asked_us"].as_u64() >= Some(1_000_000), "{paused:?}");
    assert!(at(resumed[0]) >= at(paused[0]) + wait, "{paused:?} {resumed:?}");

    let page = reported(&folder, &[]);
    assert!(!page.contains("<dt>Pauses</dt><dd><b class=\"\">none</b>"), "{page}");
    for words in
        ["the API failed for every row", "<td data-is=\"then\">created</td>", "asked to wait", "<td class=\"n\">1</td>"]
    {
        assert!(page.contains(words), "{words:?} is not in the page");
    }
    folder.call(&["audit", LEDGER]).with_code(0);
}

use std::time::Duration;

use jiff::Timestamp;

use super::*;

const BEFORE: Context = Context::at(Timestamp::UNIX_EPOCH);
const AFTER: Context = BEFORE.after_a_post();

const CREATED: &str = r#"{"Message":"Activity Created","RelatedTicketId":"143","RelatedOrgId":"22824"}"#;
const ERROR: &str = r#"{"Status":"Error","ExceptionType":"MXSomeException","ExceptionMessage":"no"}"#;
const MISSING: &str =
    r#"{"Status":"Error","ExceptionType":"MXMandatoryAttributeMissingException","ExceptionMessage":"x"}"#;
const LIMIT: &str = r#"{"Status":"Error","ExceptionType":"MXAPIRateLimitExceededException","ExceptionMessage":"API calls exceeded the limit of 10 in 5 second(s)"}"#;
const LIMIT_TYPE_ONLY: &str = r#"{"ExceptionType":"MXAPIRateLimitExceededException"}"#;
const LIMIT_MESSAGE_ONLY: &str = r#"{"Message":"API calls exceeded the limit of 25 in 5 second(s)"}"#;
const HTML: &str = "<html><title>Sign in</title></html>";

const REJECTED: Verdict = Verdict::Rejected { suspicious: false };
const SUSPICIOUS: Verdict = Verdict::Rejected { suspicious: true };
const AGAIN: Verdict = Verdict::Again { retry_after: None };
const CREDENTIALS: Verdict = Verdict::SetupFault(Stop::Credentials);
const ENDPOINT: Verdict = Verdict::SetupFault(Stop::Endpoint);

fn reply(status: u16, body: &str) -> Reply {
    Reply::new(status, body.to_owned())
}

fn verdict_of(reply: &Reply, context: Context) -> Verdict {
    judge(reply, &Ticket::try_from(143).unwrap(), context).verdict().clone()
}

fn limited(named: Option<&str>) -> Verdict {
    Verdict::Limited { retry_after: None, named: named.map(|limit| limit.parse().unwrap()) }
}

#[test]
fn every_answer_of_the_table() {
    // status, body, verdict before this run's first post, verdict after it
    let table = [
        (200, CREATED, Verdict::Posted, Verdict::Posted),
        (200, r#"{"Message":"Activity Created","RelatedTicketId":143}"#, Verdict::Posted, Verdict::Posted),
        (200, &format!("\u{feff}{CREATED}"), Verdict::Posted, Verdict::Posted),
        (200, r#"{"Message":"Activity Created","RelatedTicketId":"144"}"#, Verdict::Unknown, Verdict::Unknown),
        (200, r#"{"Message":"Activity Created"}"#, Verdict::Unknown, Verdict::Unknown),
        (200, ERROR, REJECTED, REJECTED),
        (200, LIMIT, limited(Some("10/5s")), limited(Some("10/5s"))),
        (200, LIMIT_MESSAGE_ONLY, limited(Some("25/5s")), limited(Some("25/5s"))),
        (200, HTML, Verdict::Unknown, Verdict::Unknown),
        (200, "", Verdict::Unknown, Verdict::Unknown),
        (200, "{}", Verdict::Unknown, Verdict::Unknown),
        (200, "[]", Verdict::Unknown, Verdict::Unknown),
        (200, r#"["Activity Created","143"]"#, Verdict::Unknown, Verdict::Unknown),
        (201, CREATED, Verdict::Unknown, Verdict::Unknown),
        (204, "", Verdict::Unknown, Verdict::Unknown),
        (302, "", ENDPOINT, Verdict::Unknown),
        (400, "", REJECTED, REJECTED),
        (400, LIMIT, limited(Some("10/5s")), limited(Some("10/5s"))),
        (401, "", CREDENTIALS, CREDENTIALS),
        (403, HTML, CREDENTIALS, SUSPICIOUS),
        (403, LIMIT, limited(Some("10/5s")), limited(Some("10/5s"))),
        (403, LIMIT_TYPE_ONLY, limited(None), limited(None)),
        (404, "", ENDPOINT, SUSPICIOUS),
        (405, "", ENDPOINT, Verdict::Unknown),
        (405, ERROR, ENDPOINT, REJECTED),
        (408, "", AGAIN, AGAIN),
        (409, "", Verdict::Unknown, Verdict::Unknown),
        (409, ERROR, REJECTED, REJECTED),
        (410, "", ENDPOINT, SUSPICIOUS),
        (413, HTML, REJECTED, REJECTED),
        (415, "", REJECTED, REJECTED),
        (418, HTML, Verdict::Unknown, Verdict::Unknown),
        (422, "", REJECTED, REJECTED),
        (429, "", limited(None), limited(None)),
        (429, HTML, limited(None), limited(None)),
        (500, "", AGAIN, AGAIN),
        (500, HTML, AGAIN, AGAIN),
        (500, ERROR, AGAIN, AGAIN),
        (500, MISSING, REJECTED, REJECTED),
        (500, LIMIT, limited(Some("10/5s")), limited(Some("10/5s"))),
        (502, HTML, Verdict::Unknown, Verdict::Unknown),
        (503, HTML, Verdict::Unknown, Verdict::Unknown),
        (503, ERROR, AGAIN, AGAIN),
        (504, "", Verdict::Unknown, Verdict::Unknown),
        (507, ERROR, Verdict::Unknown, Verdict::Unknown),
        (599, "", Verdict::Unknown, Verdict::Unknown),
        (100, "", Verdict::Unknown, Verdict::Unknown),
        (999, "", Verdict::Unknown, Verdict::Unknown),
    ];
    for (status, body, before, after) in table {
        assert_eq!(verdict_of(&reply(status, body), BEFORE), before, "{status} {body} before a post");
        assert_eq!(verdict_of(&reply(status, body), AFTER), after, "{status} {body} after a post");
    }
}

#[test]
fn an_unexplained_500_can_be_held_in_doubt() {
    let hold = AFTER.on_500(On500::Hold);
    assert_eq!(verdict_of(&reply(500, ERROR), hold), Verdict::Unknown);
    assert_eq!(verdict_of(&reply(500, MISSING), hold), REJECTED);
}

#[test]
fn retry_after_is_read_where_it_comes() {
    let with = |status, text: &str| reply(status, "").with(RETRY_AFTER, text);
    let after = Some(Duration::from_secs(7));
    assert_eq!(verdict_of(&with(429, "7"), AFTER), Verdict::Limited { retry_after: after, named: None });
    assert_eq!(verdict_of(&with(503, "7"), AFTER), Verdict::Again { retry_after: after });
    assert_eq!(verdict_of(&with(500, "7"), AFTER), Verdict::Again { retry_after: after });
    assert_eq!(verdict_of(&with(503, "whenever"), AFTER), AGAIN);
}

#[test]
fn a_notes_own_words_do_not_stop_a_batch() {
    let echo = r#"{"Status":"Error","ExceptionType":"MXTextException","ExceptionMessage":"refused","Text":"API calls exceeded the limit of 1 in 5 second(s)"}"#;
    assert_eq!(verdict_of(&reply(400, echo), AFTER), REJECTED);
    let html = "<p>API calls exceeded the limit of 1 in 5 second(s)</p>";
    assert_eq!(verdict_of(&reply(200, html), AFTER), Verdict::Unknown);
}

#[test]
fn a_limit_that_cannot_be_read_is_still_limited() {
    for words in ["many in 5 second(s)", "25", "0 in 5 second(s)", "25 in x", "25 in 99999999999 second(s)"] {
        let body = format!(r#"{{"Status":"Error","ExceptionMessage":"API calls exceeded the limit of {words}"}}"#);
        assert_eq!(verdict_of(&reply(403, &body), AFTER), limited(None), "{words}");
    }
}

#[test]
fn the_answer_in_brief_is_one_short_line() {
    let brief =
        |status, body: &str| judge(&reply(status, body), &Ticket::try_from(143).unwrap(), AFTER).reply().to_owned();
    assert_eq!(brief(200, CREATED), "200 Activity Created");
    assert_eq!(brief(500, MISSING), "500 MXMandatoryAttributeMissingException: x");
    assert_eq!(brief(502, "<html>\r\n\t<b>Bad\u{7} gateway</b>"), "502 <html> <b>Bad gateway</b>");
    assert_eq!(brief(204, ""), "204");
    assert!(brief(400, &"é".repeat(10_000)).chars().count() <= 301);
    assert!(brief(400, &format!(r#"{{"Message":"{}"}}"#, "x".repeat(10_000))).chars().count() <= 301);
}

proptest::proptest! {
    /// For any reply, only the exact success is `Posted`, and nothing panics.
    #[test]
    fn judging_is_total_and_posted_is_rare(status in 0u16..1000, body in ".{0,200}", posted_before: bool) {
        let mut context = BEFORE;
        context.posted_before = posted_before;
        let judgement = judge(&reply(status, &body), &Ticket::try_from(143).unwrap(), context);
        proptest::prop_assert_ne!(judgement.verdict(), &Verdict::Posted);
    }
}

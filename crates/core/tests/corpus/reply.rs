//! Any reply. The first line has the status and the context (`200 posted hold`); headers, an empty line and
//! the body follow.

use std::collections::HashMap;
use std::time::Duration;

use batchpost::api::{Api, Context};
use batchpost::job::{Identity, Job, Key, Position, Ticket};
use batchpost::leadsquared::LeadSquared;
use batchpost::outcome::Verdict;
use batchpost::settings::On500;
use batchpost::transport::Reply;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

const TICKET: u64 = 143;
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Maximum length of an excerpt of a reply, with the ellipsis.
const BRIEF_CHARS: usize = 301;

/// Every reply has a verdict and a one-line excerpt. The verdict is `posted` only if no other interpretation
/// is possible.
pub(crate) fn check(input: &[u8]) {
    let (reply, context) = parse(input);
    let job = job();
    let judgement = LeadSquared.judge(&reply, &job, context);

    if *judgement.verdict() == Verdict::Posted {
        assert_eq!(reply.status, 200);
        assert!(says_created(&reply.body), "posted by {:?}", reply.body);
    }
    if let Verdict::Limited { retry_after: Some(wait), .. } | Verdict::Again { retry_after: Some(wait) } =
        *judgement.verdict()
    {
        assert!(!wait.is_zero() && wait <= LONGEST, "{wait:?}");
    }
    if reply.status == 429 {
        let created = says_created(&reply.body);
        assert!(matches!(judgement.verdict(), Verdict::Limited { .. }), "{judgement:?}, created: {created}");
    }
    assert!(judgement.reply().chars().count() <= BRIEF_CHARS, "{:?}", judgement.reply());
    assert!(!judgement.reply().contains(char::is_control), "{:?}", judgement.reply());
    assert!(judgement.reply().starts_with(&reply.status.to_string()), "{:?}", judgement.reply());
    assert_eq!(LeadSquared.judge(&reply, &job, context), judgement);
}

fn parse(input: &[u8]) -> (Reply, Context) {
    let (head, body) = match input.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (input, &b""[..]),
    };
    let head = String::from_utf8_lossy(head);
    let first = head.lines().next().unwrap_or_default();
    let mut words = first.split(' ');
    let status = words.next().and_then(|status| status.parse().ok()).unwrap_or(0);
    let said = |word: &str| first.split(' ').any(|said| said == word);
    let header = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned)
    };
    let mut reply = Reply::new(status, body.to_vec());
    reply.quotable = header("Quotable").map(|quotable| quotable.into_bytes().into());
    for name in ["Retry-After", "Date"] {
        if let Some(value) = header(name) {
            reply = reply.with(name, &value);
        }
    }
    let on_500 = if said("hold") { On500::Hold } else { On500::Retry };
    let context = Context::at(Timestamp::UNIX_EPOCH).on_500(on_500);
    (reply, if said("posted") { context.after_a_post() } else { context })
}

fn job() -> Job {
    let ticket = Ticket::try_from(TICKET).expect("it is positive");
    let position = Position { record: 1, line: 1, byte: 0 };
    Job::new(position, Key::of_job(&Identity::default(), &ticket, "x"), ticket, "x".to_owned())
}

/// The success reply in the API's documentation: an object with this message and the ticket's number, as a
/// string or a number. Other members do not matter, even if they are not text.
fn says_created(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(&body) else { return false };
    let member = |name| serde_json::from_str(members.get(name)?.get()).ok();
    let echoed = match member("RelatedTicketId") {
        Some(Value::String(text)) => Ticket::number(&text).is_ok_and(|ticket| ticket.as_number() == Some(TICKET)),
        Some(Value::Number(number)) => number.as_u64() == Some(TICKET),
        _ => false,
    };
    echoed && member("Message") == Some(Value::from("Activity Created"))
}

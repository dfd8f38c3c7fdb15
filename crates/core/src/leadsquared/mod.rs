//! The target: LeadSquared's internal note on a ticket. Turns a job into a request and a reply into a verdict.
//!
//! Facts about the API come from LeadSquared's documentation of its Service CRM; what was only seen on its other APIs
//! is recognised as well, and relied on nowhere.

mod endpoint;
mod judge;
mod retry_after;

use std::borrow::Cow;

use serde::Serialize;

pub use endpoint::{Endpoint, EndpointError};
pub use judge::{Context, Judgement, judge, judge_failure};
pub use retry_after::retry_after;

use crate::job::Job;
use crate::transport::Request;

/// The request's body, in the order of the documentation's sample.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Note<'a> {
    text_part: &'a str,
    activity_type: &'a str,
    storage_type: &'a str,
    related_ticket_id: u64,
}

/// The request that posts `job`'s note, with the job's reference at the end of its text if there is to be a `marker`.
pub fn request(job: &Job, marker: bool) -> Request {
    let text: Cow<'_, str> =
        if marker { format!("{}\n\n[{}]", job.text, job.key.reference()).into() } else { (&job.text).into() };
    let note = Note {
        text_part: &text,
        activity_type: "CreateInternalNote",
        // Spelt so in the documentation's sample and in its table.
        storage_type: "Permament",
        related_ticket_id: job.ticket.get(),
    };
    let body = serde_json::to_vec(&note).expect("strings and a number serialise");
    Request { body: body.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Key, Position, Ticket};

    fn job(text: &str) -> Job {
        let ticket = Ticket::try_from(143).unwrap();
        let position = Position { record: 1, line: 2, byte: 3 };
        Job { position, key: Key::of_job("t", ticket, text), ticket, text: text.to_owned() }
    }

    #[test]
    fn a_marked_note_ends_with_the_jobs_reference() {
        let job = job("all well");
        let body = request(&job, true).body;
        let text = format!(r"all well\n\n[{}]", job.key.reference());
        assert!(std::str::from_utf8(&body).unwrap().contains(&text));
    }

    #[test]
    fn the_request_is_the_documented_sample() {
        let job = job("He said \"no\"\r\n– and {left} $5");
        assert_eq!(
            std::str::from_utf8(&request(&job, false).body).unwrap(),
            r#"{"TextPart":"He said \"no\"\r\n– and {left} $5","ActivityType":"CreateInternalNote","StorageType":"Permament","RelatedTicketId":143}"#
        );
    }
}

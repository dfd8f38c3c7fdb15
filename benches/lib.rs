//! What the benches share: jobs, and a time that stands still.

use std::time::Duration;

use batchpost::engine::{Now, Offer};
use batchpost::job::{Identity, Job, Key, Position, Ticket};
use batchpost::outcome::Outcome;
use jiff::Timestamp;

/// A moment of a run.
pub fn now(elapsed: Duration) -> Now {
    Now { elapsed, wall: Timestamp::UNIX_EPOCH }
}

/// The `row`th job, with a text of the length that helpdesk comments have.
pub fn offer(row: u64) -> Offer {
    let ticket = Ticket::try_from(row % 1000 + 1).expect("a positive number");
    let text = format!("note {row}: {}", "called back, all well. ".repeat(8));
    let key = Key::of_job(&Identity::of("https://example.test/"), &ticket, &text);
    let position = Position { record: row, line: row + 1, byte: row * 200 };
    Offer { job: Job { position, key, ticket, text }, stands: Outcome::Pending, attempts: 0 }
}

/// An export of `rows` rows as CSV.
pub fn csv(rows: u64) -> Vec<u8> {
    let mut csv = b"Ticket ID,Subject,Comment\r\n".to_vec();
    for row in 1..=rows {
        let offer = offer(row);
        csv.extend_from_slice(format!("{},Line down,\"{}\"\r\n", offer.job.ticket, offer.job.text).as_bytes());
    }
    csv
}

//! Tests the fold on ledgers that are built line by line.

use std::io;

use serde_json::{Value, json};

use super::*;
use crate::outcome::{Outcome, Stop};
use crate::settings::Settings;

const ID: u64 = 0x0123_4567_89ab_cdef;

/// The bytes of a ledger, built line by line according to `docs/ledger-format.md`.
#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    records: u64,
}

impl Storage for Made {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[offset as usize..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        unreachable!("a report writes nothing")
    }

    fn sync(&mut self) -> io::Result<()> {
        unreachable!("a report writes nothing")
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        unreachable!("a report writes nothing")
    }

    fn keep_torn_tail(&mut self, _: &[u8]) -> io::Result<()> {
        unreachable!("a report writes nothing")
    }
}

impl Made {
    fn new() -> Self {
        let header = json!({"version": 1, "id": format!("{ID:016x}"), "key_scheme": 1, "tool": "t", "target": "u", "wall": wall(0)});
        Self::default().record("ledger", &header)
    }

    fn record(mut self, kind: &str, record: &Value) -> Self {
        self.records += 1;
        let covered = format!("{{\"n\":{},\"{kind}\":{record}", self.records);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&ID.to_le_bytes());
        crc.update(covered.as_bytes());
        self.bytes.extend_from_slice(format!("{covered},\"crc\":\"{:08x}\"}}\n", crc.finalize()).as_bytes());
        self
    }

    fn run(self, number: u32, began_s: i64, rows: u64) -> Self {
        let read = json!({"rows": rows, "blank": 0, "fingerprint": ""});
        let input = json!({"path": "/in/notes.csv", "format": "csv", "columns": [], "ticket": "t", "text": ["x"], "read": read});
        let settings = Settings::under(vec!["25/5s".parse().unwrap()]);
        let run = json!({"run": number, "tool": "t", "wall": wall(began_s), "input": input, "settings": settings});
        self.record("run", &run)
    }

    /// `ms` is the time since the start of the run.
    fn intent(self, row: u64, attempt: u32, ms: u64) -> Self {
        let of =
            json!({"row": row, "key": key(row), "ticket": 7, "attempt": attempt, "at_us": ms * 1000, "wall": wall(0)});
        self.record("intent", &of)
    }

    fn outcome(self, row: u64, attempt: u32, ms: u64, verdict: &str, outcome: Outcome, status: Option<u16>) -> Self {
        let said = json!({"row": row, "key": key(row), "ticket": 7, "attempt": attempt, "at_us": ms * 1000, "wall": wall(0),
            "verdict": verdict, "stands": outcome, "status": status, "reply": format!("{verdict} of {row}")});
        self.record("outcome", &said)
    }

    fn posted(self, row: u64, ms: u64, took_ms: u64) -> Self {
        self.intent(row, 1, ms).outcome(row, 1, ms + took_ms, "posted", Outcome::Posted, Some(200))
    }

    fn finish(self, ms: u64, stopped: Option<Stop>) -> Self {
        let finish = json!({"at_us": ms * 1000, "wall": wall(0), "stopped": stopped, "counts": {}});
        self.record("finish", &finish)
    }

    fn overview(&self) -> Overview {
        overview(self, |_, _| {}).unwrap()
    }
}

fn wall(second: i64) -> String {
    Timestamp::from_second(1_700_000_000 + second).unwrap().to_string()
}

/// A key that is well distributed, like the hashes that real keys are made of.
fn key(row: u64) -> String {
    format!("{:016x}{row:016x}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[test]
fn a_ledger_without_a_run_has_nothing_to_tell() {
    let found = Made::new().overview();
    assert_eq!((found.counts.total(), found.ends.attempts(), found.story.run_count()), (0, 0, 0));
    assert!(found.course.buckets().is_empty());
    assert_eq!(found.as_of.to_string(), wall(0));
}

#[test]
fn attempts_are_counted_where_they_began_and_latencies_only_of_whole_replies() {
    let found = Made::new()
        .run(1, 0, 4)
        .posted(1, 0, 100)
        .intent(2, 1, 4_900)
        .outcome(2, 1, 6_900, "again", Outcome::Pending, Some(500))
        .intent(3, 1, 7_000)
        .outcome(3, 1, 37_000, "unknown", Outcome::InDoubt, None)
        .intent(4, 1, 8_000)
        .outcome(4, 1, 8_001, "withdrawn", Outcome::Pending, None)
        .overview();
    let attempts: Vec<u64> = found.course.buckets().iter().map(|bucket| bucket.ends.attempts()).collect();
    assert_eq!(attempts, [2, 1, 0, 0, 0, 0, 0, 0], "what was withdrawn was not made");
    assert_eq!((found.ends.posted, found.ends.again, found.ends.unknown, found.ends.withdrawn), (1, 1, 1, 1));
    assert_eq!(found.latencies.count(), 2);
    assert_eq!(found.course.buckets()[0].latencies.count(), 2);
    let longest = found.latencies.longest().unwrap().as_secs_f64();
    assert!((longest / 2.0 - 1.0).abs() < 0.01, "{longest}");
}

#[test]
fn rows_are_told_with_their_last_reason_and_posted_ones_not_at_all() {
    let found = Made::new()
        .run(1, 0, 4)
        .intent(2, 1, 0)
        .outcome(2, 1, 10, "rejected", Outcome::Rejected, Some(400))
        .intent(1, 1, 20)
        .outcome(1, 1, 30, "again", Outcome::Failed, Some(500))
        .intent(3, 1, 40)
        .outcome(3, 1, 50, "again", Outcome::Failed, Some(500))
        .intent(4, 1, 60)
        .run(2, 100, 4)
        .intent(1, 2, 0)
        .outcome(1, 2, 10, "posted", Outcome::Posted, Some(200))
        .overview();
    let of = |outcome| -> Vec<(u64, &str)> {
        found.concerns.of(outcome).map(|concern| (concern.row, concern.reason.as_str())).collect()
    };
    assert_eq!(of(Outcome::Rejected), [(2, "rejected of 2")]);
    assert_eq!(of(Outcome::Failed), [(3, "again of 3")]);
    assert_eq!(of(Outcome::InDoubt), [(4, "the run was cut off before its reply was recorded")]);
    assert_eq!((found.ends.cut_off, found.posted_at[1]), (1, 1));
}

#[test]
fn settled_rows_are_of_no_concern_and_the_decision_is_told() {
    let settled = |row: u64| json!({"row": row, "key": key(row), "was": "in_doubt", "stands": "posted"});
    let decision = |row| json!({"wall": wall(50), "why": "seen", "rows": [settled(row)]});
    let mut made = Made::new().run(1, 0, 2);
    for row in 1..=2 {
        made = made.intent(row, 1, row).outcome(row, 1, 10 + row, "unknown", Outcome::InDoubt, None);
    }
    let found = made.finish(20, None).record("settle", &decision(1)).record("settle", &decision(2)).overview();
    assert_eq!((found.concerns.of(Outcome::InDoubt).count(), found.counts.posted), (0, 2));
    let last = found.story.chapters().next_back().unwrap();
    assert!(matches!(last, Chapter::Settled(Settling { rows: 2, why: Some(why), .. }) if why == "seen"), "{last:?}");
}

#[test]
fn runs_are_told_with_how_they_ended_and_what_they_did() {
    let found = Made::new()
        .run(1, 0, 3)
        .posted(1, 0, 100)
        .run(2, 60, 3)
        .posted(2, 0, 100)
        .posted(3, 200, 100)
        .finish(400, None)
        .run(3, 90, 3)
        .finish(5, Some(Stop::Interrupted))
        .overview();
    let told: Vec<_> = found.story.runs().map(|run| (run.run, run.ends.posted, run.end)).collect();
    let ends = [RunEnd::Unsaid, RunEnd::Done, RunEnd::Stopped(Stop::Interrupted)];
    assert_eq!(told, [(1, 1, ends[0]), (2, 2, ends[1]), (3, 0, ends[2])]);
    assert_eq!(found.story.runs().nth(1).unwrap().lasted, Duration::from_millis(400));
}

#[test]
fn many_runs_and_decisions_are_bounded_and_the_first_are_left_out() {
    let mut made = Made::new();
    for run in 1..=(Story::MOST as u32 + 7) {
        made = made.run(run, 0, 1).finish(1, None);
    }
    let found = made.overview();
    assert_eq!((found.story.runs().count(), found.story.left_out()), (Story::MOST, 7));
    assert_eq!(found.story.run_count(), Story::MOST as u64 + 7);
    assert_eq!(found.story.run_time(), Duration::from_millis(Story::MOST as u64 + 7));
    assert!(found.course.buckets().len() <= Course::MOST);
}

#[test]
fn rows_that_came_right_leave_their_room_to_those_that_did_not() {
    let all = Concerns::MOST as u64 + 500;
    let mut made = Made::new().run(1, 0, all);
    for row in 1..=all {
        made = made.intent(row, 1, row).outcome(row, 1, row, "again", Outcome::Failed, Some(500));
    }
    made = made.run(2, 100, all);
    for row in 1..=Concerns::MOST as u64 {
        made = made.intent(row, 2, row).outcome(row, 2, row, "posted", Outcome::Posted, Some(200));
    }
    let found = made.overview();
    assert_eq!(found.counts.failed, 500);
    let rows: Vec<u64> = found.concerns.of(Outcome::Failed).map(|concern| concern.row).collect();
    assert_eq!(rows, (all - 499..=all).collect::<Vec<_>>());
}

#[test]
fn of_what_is_no_longer_in_the_input_only_doubts_are_of_concern() {
    let found = Made::new()
        .run(1, 0, 3)
        .intent(1, 1, 0)
        .outcome(1, 1, 10, "unknown", Outcome::InDoubt, None)
        .intent(2, 1, 20)
        .outcome(2, 1, 30, "rejected", Outcome::Rejected, Some(400))
        .intent(3, 1, 40)
        .outcome(3, 1, 50, "rejected", Outcome::Rejected, Some(400))
        .run(2, 100, 1)
        .record("vanished", &json!({"keys": [key(1), key(2)]}))
        .overview();
    let of = |outcome| -> Vec<u64> { found.concerns.of(outcome).map(|concern| concern.row).collect() };
    assert_eq!((of(Outcome::InDoubt), of(Outcome::Rejected)), (vec![1], vec![3]));
    assert_eq!((found.vanished, found.vanished_in_doubt, found.counts.rejected), (2, 1, 1));
}

#[test]
fn doubts_about_what_left_the_input_take_no_room_from_those_about_what_is_in_it() {
    let most = Concerns::MOST as u64;
    let mut made = Made::new().run(1, 0, most + 4);
    for row in 1..=most + 4 {
        made = made.intent(row, 1, row).outcome(row, 1, row, "unknown", Outcome::InDoubt, None);
    }
    let gone: Vec<_> = (1..=most + 1).map(key).collect();
    let found = made.run(2, 100, 3).record("vanished", &json!({ "keys": gone })).overview();
    let rows: Vec<u64> = found.concerns.of(Outcome::InDoubt).map(|concern| concern.row).collect();
    assert_eq!(rows, (most + 2..=most + 4).chain(1..=most).collect::<Vec<_>>());
}

#[test]
fn of_very_many_rows_the_first_are_kept() {
    let all = Concerns::MOST as u64 + 10;
    let mut made = Made::new().run(1, 0, all);
    for row in 1..=all {
        made = made.intent(row, 1, row).outcome(row, 1, row, "rejected", Outcome::Rejected, Some(400));
    }
    let found = made.overview();
    let rows: Vec<u64> = found.concerns.of(Outcome::Rejected).map(|concern| concern.row).collect();
    assert_eq!(rows, (1..=Concerns::MOST as u64).collect::<Vec<_>>());
    assert_eq!(found.counts.rejected, all);
}

//! Hand-made ledgers in which a limit was exceeded by one, or just kept.

mod servers;

use std::io;

use super::*;
use crate::job::{Identity, KEY_SCHEME, Key, Ticket};
use crate::ledger::{Header, Input, LedgerId, VERSION, line};
use crate::settings::Settings;

/// The bytes of a ledger, as a storage to read.
struct Bytes(Vec<u8>);

impl Storage for Bytes {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.0[offset as usize..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        unreachable!("an audit writes nothing")
    }

    fn sync(&mut self) -> io::Result<()> {
        unreachable!("an audit writes nothing")
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        unreachable!("an audit writes nothing")
    }

    fn keep_torn_tail(&mut self, _: &[u8]) -> io::Result<()> {
        unreachable!("an audit writes nothing")
    }
}

/// How an attempt of a hand-made run ended.
#[derive(Clone, Copy)]
enum Ending {
    Replied(u64),
    Silent(u64),
    Never,
}
use Ending::{Never, Replied, Silent};

const TIMEOUT: Duration = Duration::from_secs(1);

/// A run's limits, the wall clock at its start (ms), and its attempts: start (ms since then) and end.
type HandMade<'a> = (&'a [&'a str], i64, &'a [(u64, Ending)]);

fn ledger(runs: &[HandMade<'_>]) -> Bytes {
    ledger_in(runs, None)
}

/// Makes a ledger whose runs name this unit of the wall clock.
fn ledger_in(runs: &[HandMade<'_>], wall_unit_us: Option<u32>) -> Bytes {
    let mut records = vec![Record::Header(Header {
        version: VERSION,
        id: LedgerId(7),
        key_scheme: KEY_SCHEME,
        tool: "batchpost 0".to_owned(),
        api: None,
        target: "https://example.test/".to_owned(),
        wall: Timestamp::UNIX_EPOCH,
    })];
    for (number, (limits, began_ms, attempts)) in (1..).zip(runs) {
        let wall = |ms: u64| Timestamp::from_millisecond(1_700_000_000_000 + began_ms + ms as i64).unwrap();
        let limits = limits.iter().map(|limit| limit.parse().unwrap()).collect();
        let input = r#"{"path":null,"format":"csv","columns":[],"ticket":"t","text":["text"],"read":null}"#;
        let input: Input = serde_json::from_str(input).unwrap();
        let settings = Settings { timeout: TIMEOUT, ..Settings::under(limits) };
        records.push(Record::Run(Box::new(Run {
            run: number,
            tool: "t".into(),
            wall: wall(0),
            wall_unit_us,
            by: None,
            pauses_recorded: true,
            input,
            settings,
            state_folder: None,
        })));
        let mut events = Vec::new();
        for (row, (from_ms, ending)) in (1..).zip(*attempts) {
            let ticket = Ticket::try_from(143).unwrap();
            let key = Key::of_job(&Identity::of("t"), &ticket, &format!("{number} {row}"));
            let (at_us, wall_then) = (from_ms * 1000, wall(*from_ms));
            let intent = Intent { row, key, content: None, ticket: ticket.clone(), attempt: 1, at_us, wall: wall_then };
            events.push((*from_ms, Record::Intent(intent)));
            let (to_ms, status) = match ending {
                Replied(to_ms) => (*to_ms, Some(200)),
                Silent(to_ms) => (*to_ms, None),
                Never => continue,
            };
            let (verdict, outcome) = match status {
                Some(_) => (VerdictWord::Posted, Outcome::Posted),
                None => (VerdictWord::Unknown, Outcome::InDoubt),
            };
            let (at_us, wall, reply) = (to_ms * 1000, wall(to_ms), None);
            let end = AttemptEnd { row, key, ticket, attempt: 1, at_us, wall, verdict, outcome, status, reply };
            events.push((to_ms, Record::Outcome(end)));
        }
        events.sort_by_key(|(ms, _)| *ms);
        records.extend(events.into_iter().map(|(_, record)| record));
    }
    let mut bytes = Vec::new();
    for (number, record) in (1..).zip(&records) {
        line::write(&mut bytes, LedgerId(7), number, record);
    }
    Bytes(bytes)
}

/// The audit's result for the only limit of a ledger without contradictions.
fn of(runs: &[HandMade<'_>]) -> (u32, u32, bool) {
    let audit = audit(&ledger(runs)).unwrap();
    assert_eq!(audit.problems, [""; 0]);
    assert_eq!(audit.limits.len(), 1);
    let limit = &audit.limits[0];
    assert_eq!(audit.holds(), limit.held());
    (limit.peak_in_a_run, limit.peak, limit.held())
}

const LIMIT: &[&str] = &["3/5s"];
const THREE: &[(u64, Ending)] = &[(0, Replied(40)), (0, Replied(50)), (0, Replied(60))];

#[test]
fn a_limit_broken_by_one_attempt_across_two_runs_is_found_and_one_that_just_held_is_not() {
    let first: HandMade<'_> = (LIMIT, 0, &[(0, Replied(100))]);
    // After the reply: a window, and the millisecond to which this wall clock is recorded.
    assert_eq!(of(&[first, (LIMIT, 5_100 + 1, THREE)]), (3, 4, false));
    assert_eq!(of(&[first, (LIMIT, 5_100 + 2, THREE)]), (3, 3, true));
}

#[test]
fn within_a_run_the_same() {
    let more = |from| [THREE, &[(from, Replied(from))]].concat();
    assert_eq!(of(&[(LIMIT, 0, &more(5_040))]), (4, 4, false));
    assert_eq!(of(&[(LIMIT, 0, &more(5_041))]), (3, 3, true));
}

#[test]
fn an_attempt_without_a_reply_counts_for_a_time_out_more() {
    let first: HandMade<'_> = (LIMIT, 0, &[(0, Silent(100))]);
    assert_eq!(of(&[first, (LIMIT, 6_100 + 1, THREE)]), (3, 4, false));
    assert_eq!(of(&[first, (LIMIT, 6_100 + 2, THREE)]), (3, 3, true));
}

fn proof(runs: &[HandMade<'_>]) -> (u32, Proof) {
    let limit = audit(&ledger(runs)).unwrap().limits.remove(0);
    (limit.peak, limit.proof())
}

/// A run cut off after its intents.
const CUT_OFF: HandMade<'_> = (LIMIT, 0, &[(0, Never), (200, Never)]);

#[test]
fn it_is_proven_that_the_limit_held_only_if_attempts_without_an_end_count_until_a_time_out_after_the_next_run_began() {
    let three = |at| [(at, Replied(at)); 3];
    for began in [500, 8_000, 3_600_000] {
        assert_eq!(proof(&[CUT_OFF, (LIMIT, began, &three(6_001))]), (3, Proof::Held), "{began}");
        let (peak, proof) = proof(&[CUT_OFF, (LIMIT, began, &three(6_000))]);
        assert_eq!(peak, 5, "{began}");
        assert_ne!(proof, Proof::Held, "{began}");
    }
}

#[test]
fn a_run_that_sent_nothing_ends_the_attempts_of_the_one_before_it() {
    let nothing: HandMade<'_> = (LIMIT, 3_600_000, &[]);
    assert_eq!(proof(&[CUT_OFF, nothing, (LIMIT, 3_606_000, THREE)]), (5, Proof::Open));
    assert_eq!(proof(&[CUT_OFF, nothing, (LIMIT, 3_606_002, THREE)]), (3, Proof::Held));
    assert_eq!(proof(&[CUT_OFF, nothing, nothing, (LIMIT, 3_606_002, THREE)]), (3, Proof::Held));
}

#[test]
fn a_limit_was_exceeded_only_if_it_was_though_attempts_without_an_end_kept_their_slots_for_a_time_out_from_their_beginning()
 {
    assert_eq!(proof(&[CUT_OFF, (LIMIT, 6_200 + 1, THREE)]), (5, Proof::Exceeded));
    assert_eq!(proof(&[CUT_OFF, (LIMIT, 6_200 + 2, THREE)]), (5, Proof::Open));
}

#[test]
fn within_its_own_run_an_attempt_without_an_end_counts_for_ever() {
    let later = |at| [(0, Never), (at, Replied(at)), (at, Replied(at)), (at, Replied(at))];
    assert_eq!(proof(&[(LIMIT, 0, &later(6_000))]), (4, Proof::Exceeded));
    assert_eq!(proof(&[(LIMIT, 0, &later(3_600_000))]), (4, Proof::Open));
}

#[test]
fn three_runs_in_one_window_count_together() {
    let one: &[(u64, Ending)] = &[(0, Replied(100))];
    assert_eq!(of(&[(LIMIT, 0, one), (LIMIT, 200, one), (LIMIT, 400, one)]), (1, 3, true));
    assert_eq!(of(&[(LIMIT, 0, one), (LIMIT, 200, one), (LIMIT, 400, one), (LIMIT, 600, one)]), (1, 4, false));
}

#[test]
fn a_run_whose_clock_lies_before_the_former_runs_end_is_told_of_and_follows_it_at_once() {
    let hour = 3_600_000;
    let runs: [HandMade<'_>; 3] = [(LIMIT, 0, &[(0, Replied(100))]), (LIMIT, -hour, THREE), (LIMIT, hour, THREE)];
    let audit = audit(&ledger(&runs)).unwrap();
    let by = Duration::from_millis(hour as u64 + 100);
    assert_eq!(audit.set_back, [SetBack { run: 2, by }]);
    assert_eq!((audit.limits[0].peak, audit.limits[0].fullest, audit.holds()), (4, 8, false));
    // The same with a clock that was not set back.
    assert_eq!(of(&[(LIMIT, 0, &[(0, Replied(100))]), (LIMIT, hour, THREE)]), (3, 3, true));
}

#[test]
fn a_limit_that_only_a_later_run_had_counts_what_was_sent_before_it() {
    let hour: &[&str] = &["5/1h"];
    let peaks = |began| {
        let audit = audit(&ledger(&[(LIMIT, 0, THREE), (hour, began, THREE)])).unwrap();
        audit.limits.iter().map(|limit| (limit.limit.to_string(), limit.peak)).collect::<Vec<_>>()
    };
    assert_eq!(peaks(1_800_000), [("3/5s".to_owned(), 3), ("5/1h".to_owned(), 6)]);
    assert_eq!(peaks(3_700_000), [("3/5s".to_owned(), 3), ("5/1h".to_owned(), 3)]);
}

#[test]
fn attempts_out_of_order_are_told_of() {
    let mut records: Vec<u8> = Vec::new();
    let Bytes(bytes) = ledger(&[(LIMIT, 0, &[(500, Replied(600)), (700, Replied(800))])]);
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // Put the second attempt's two records before the first's.
    lines.swap(2, 4);
    lines.swap(3, 5);
    for (number, text) in (1..).zip(lines) {
        match line::read_any(text, LedgerId(7)) {
            Ok((_, record)) => line::write(&mut records, LedgerId(7), number, &record),
            Err(_) => records.extend_from_slice(text),
        }
    }
    let audit = audit(&Bytes(records)).unwrap();
    assert!(audit.problems[0].contains("started before the one recorded before it"), "{:?}", audit.problems);
}

#[test]
fn the_rate_is_that_of_all_runs() {
    let burst = |at: u64| [(at, Replied(at + 100)); 3];
    let attempts = [burst(0), burst(6_000), burst(12_000)].concat();
    let audit = audit(&ledger(&[(LIMIT, 0, &attempts), (LIMIT, 100_000, &attempts)])).unwrap();
    // Six of nine in each run; twelve seconds allow seven at three per five seconds.
    let limit = &audit.limits[0];
    assert_eq!((limit.made, limit.possible), (12, 14));
    assert_eq!(audit.attempts, 18);
}

mod batch;
mod deciding;
mod pauses;
mod salvaging;
mod settling;

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use proptest::prelude::*;

use super::writer::first_line;
use super::*;
use crate::api::desk::Desk;
use crate::job::{Identity, KEY_SCHEME, Key, Ticket};
use crate::outcome::{Outcome, VerdictWord};
use crate::settings::Settings;
use crate::storage::Directory;

/// A file in memory whose next write or sync can be made to fail.
#[derive(Debug, Default, Clone)]
struct Memory {
    bytes: Vec<u8>,
    excluded: Vec<u8>,
    fail: Option<&'static str>,
    /// The operation that fails once, the next time.
    fail_once: Option<&'static str>,
    /// The maximum number of bytes.
    room: Option<usize>,
}

impl Memory {
    fn step(&mut self, step: &'static str) -> io::Result<()> {
        let fails_once = self.fail_once.take_if(|fails| *fails == step).is_some();
        if self.fail == Some(step) || fails_once { Err(io::Error::other("disk on fire")) } else { Ok(()) }
    }
}

impl Storage for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step("append")?;
        let room = self.room.map_or(usize::MAX, |room| room.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::Error::other("no room")) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.step("sync")
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.step("truncate")?;
        self.bytes.truncate(size as usize);
        Ok(())
    }

    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step("set_aside")?;
        self.excluded.extend_from_slice(bytes);
        Ok(())
    }
}

fn header() -> Header {
    Header {
        version: VERSION,
        id: LedgerId(0x1234_5678_9abc_def0),
        key_scheme: KEY_SCHEME,
        tool: "batchpost 0".to_owned(),
        api: None,
        target: "https://example.test/".to_owned(),
        wall: Timestamp::UNIX_EPOCH,
    }
}

fn begun() -> Memory {
    Memory { bytes: first_line(&header()), ..Memory::default() }
}

fn ticket() -> Ticket {
    Ticket::try_from(143).unwrap()
}

fn key(n: u64) -> Key {
    Key::of_job(&Identity::of("t"), &ticket(), &n.to_string())
}

fn intent(n: u64) -> Record {
    Record::Intent(Intent {
        row: n,
        key: key(n),
        content: None,
        ticket: ticket(),
        attempt: 1,
        at_us: n,
        wall: Timestamp::UNIX_EPOCH,
    })
}

fn outcome(n: u64, verdict: VerdictWord, outcome: Outcome) -> Record {
    Record::Outcome(AttemptEnd {
        row: n,
        key: key(n),
        ticket: ticket(),
        attempt: 1,
        at_us: n,
        wall: Timestamp::UNIX_EPOCH,
        verdict,
        outcome,
        status: Some(200),
        reply: None,
    })
}

fn posted(n: u64) -> Record {
    outcome(n, VerdictWord::Posted, Outcome::Posted)
}

fn settlement(rows: Vec<Settled>) -> Record {
    Record::Settle(Settlement { wall: Timestamp::UNIX_EPOCH, part: None, why: None, rows })
}

fn run(number: u32, key: Option<&str>) -> Record {
    let reader = Section::of(&BTreeMap::from([("key", key)]));
    let input = Input { path: None, reader, lookup_fingerprint: None, read: None };
    let wall = Timestamp::UNIX_EPOCH;
    let command = vec!["batchpost".to_owned(), "run".to_owned()];
    let by = Some(Caller { user: Some("anna".to_owned()), host: None, command });
    let tool = "test".to_owned();
    let settings = Settings::of(&Desk);
    Record::Run(Box::new(Run {
        run: number,
        tool,
        wall,
        wall_unit_us: None,
        by,
        pauses_recorded: true,
        input,
        settings,
        state_folder: None,
    }))
}

/// A ledger of three commits that ends in a last mark.
fn sample() -> Memory {
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    ledger.commit(&[intent(1)]).unwrap();
    ledger.commit(&[posted(1), intent(2)]).unwrap();
    ledger.commit(&[outcome(2, VerdictWord::Unknown, Outcome::InDoubt)]).unwrap();
    ledger.close().unwrap()
}

fn lines(memory: &Memory) -> Vec<Vec<u8>> {
    memory.bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn of_lines(lines: &[Vec<u8>]) -> Memory {
    Memory { bytes: lines.concat(), ..Memory::default() }
}

fn outcome_of(batch: &Batch, n: u64) -> Option<Outcome> {
    batch.job_states.get(&key(n)).map(|job_state| job_state.outcome())
}

#[test]
fn what_was_committed_is_read_back() {
    let (_, batch, extent) = Ledger::open(sample()).unwrap();
    assert_eq!(outcome_of(&batch, 1), Some(Outcome::Posted));
    assert_eq!(outcome_of(&batch, 2), Some(Outcome::InDoubt));
    assert_eq!((batch.attempts, extent.torn_bytes), (2, 0));
    assert_eq!(batch.header, header());
}

#[test]
fn the_lines_are_json_that_names_its_records() {
    let kinds = ["ledger", "mark", "intent", "mark", "outcome", "intent", "mark", "outcome", "mark"];
    for ((number, line), kind) in (1..).zip(lines(&sample())).zip(kinds) {
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["n"], number);
        assert!(value[kind].is_object(), "{value}");
    }
}

#[test]
fn an_intent_without_an_outcome_is_a_doubt_that_a_later_refusal_does_not_end() {
    let mut batch = Batch::new(header());
    batch.apply(&intent(1));
    assert_eq!(outcome_of(&batch, 1), Some(Outcome::InDoubt));
    batch.apply(&intent(1));
    batch.apply(&outcome(1, VerdictWord::Rejected, Outcome::Rejected));
    assert_eq!(outcome_of(&batch, 1), Some(Outcome::InDoubt));
    batch.apply(&intent(1));
    batch.apply(&posted(1));
    assert_eq!(outcome_of(&batch, 1), Some(Outcome::Posted));
}

#[test]
fn jobs_may_have_been_posted_without_names_if_a_run_had_no_key_column_or_its_record_may_be_lost() {
    let unnamed = |records: &[Record]| {
        let mut batch = Batch::new(header());
        records.iter().for_each(|record| batch.apply(record));
        batch.unnamed
    };
    assert!(!unnamed(&[run(1, Some("id")), run(2, Some("id"))]));
    assert!(unnamed(&[run(1, None), run(2, Some("id"))]));
    assert!(unnamed(&[Record::Salvage(Salvage { from: LedgerId(1), lost: 1 }), run(2, Some("id"))]));
}

#[test]
fn a_tail_cut_anywhere_is_set_aside_and_the_rest_continues() {
    let whole = sample();
    let all = lines(&whole);
    let closed_at = whole.bytes.len() - all[all.len() - 1].len() - all[all.len() - 2].len();
    for cut in closed_at..whole.bytes.len() {
        let torn = Memory { bytes: whole.bytes[..cut].to_vec(), ..Memory::default() };
        let (mut ledger, batch, extent) = Ledger::open(torn).unwrap();
        assert_eq!(outcome_of(&batch, 1), Some(Outcome::Posted), "cut at {cut}");
        assert_eq!(outcome_of(&batch, 2), Some(Outcome::InDoubt), "cut at {cut}");
        ledger.commit(&[intent(3)]).unwrap();
        let repaired = ledger.close().unwrap();
        assert_eq!(repaired.excluded.len() as u64, extent.torn_bytes);
        assert_eq!(repaired.excluded, whole.bytes[extent.good_bytes as usize..cut]);
        let (_, batch, extent) = Ledger::open(repaired).unwrap();
        assert_eq!((outcome_of(&batch, 3), extent.torn_bytes), (Some(Outcome::InDoubt), 0));
    }
}

#[test]
fn reading_alone_mends_nothing() {
    let mut torn = sample();
    torn.bytes.truncate(torn.bytes.len() - 3);
    let before = torn.bytes.clone();
    let (_, extent) = inspect(&torn).unwrap();
    assert!(extent.torn_bytes > 0);
    assert_eq!(torn.bytes, before);
}

#[test]
fn any_flipped_bit_in_what_was_synced_is_damage() {
    let whole = sample();
    let last = lines(&whole).last().unwrap().len();
    for at in 0..(whole.bytes.len() - last) * 8 {
        let mut flipped = whole.clone();
        flipped.bytes[at / 8] ^= 1 << (at % 8);
        let error = Ledger::open(flipped).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. } | LedgerError::NotALedger(_)), "bit {at}: {error}");
    }
}

#[test]
fn a_line_missing_doubled_moved_or_foreign_is_damage_with_its_place() {
    let all = lines(&sample());
    let edit = |edit: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = all.clone();
        edit(&mut lines);
        Ledger::open(of_lines(&lines)).unwrap_err()
    };
    let missing = edit(&|lines| drop(lines.remove(4)));
    assert_eq!(
        missing.to_string(),
        format!(
            "the ledger is damaged at line 5 (byte {}): record 6 is in the place of record 5: lines are missing, \
             doubled or moved; nothing was sent, and the file is unchanged",
            all[..4].concat().len()
        )
    );
    let doubled = edit(&|lines| lines.insert(4, lines[4].clone()));
    assert!(matches!(doubled, LedgerError::Damaged { line: 6, .. }), "{doubled}");
    let moved = edit(&|lines| lines.swap(4, 5));
    assert!(matches!(moved, LedgerError::Damaged { line: 5, .. }), "{moved}");
    let foreign = edit(&|lines| {
        let mut other = Vec::new();
        line::write(&mut other, LedgerId(7), 5, &posted(1));
        lines[4] = other;
    });
    assert!(matches!(foreign, LedgerError::Damaged { line: 5, what: BadLine::Checksum, .. }), "{foreign}");
}

#[test]
fn what_is_no_ledger_is_refused() {
    let open = |bytes: &[u8]| Ledger::open(Memory { bytes: bytes.to_vec(), ..Memory::default() }).unwrap_err();
    assert!(matches!(open(b""), LedgerError::Empty));
    for bytes in [b"\n".as_slice(), b"Ticket,Text\n1,x\n", b"{}\n", b"\0\0\0\0", &vec![b'x'; 3 << 20]] {
        assert!(matches!(open(bytes), LedgerError::NotALedger(_)));
    }
    let newer = first_line(&Header { version: VERSION + 1, ..header() });
    assert!(matches!(open(&newer), LedgerError::Newer { found: 2 }));
    let scheme = first_line(&Header { key_scheme: KEY_SCHEME + 1, ..header() });
    assert!(matches!(open(&scheme), LedgerError::KeyScheme { found: 2 }));
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_written() {
    for step in ["append", "sync"] {
        let (mut ledger, ..) = Ledger::open(begun()).unwrap();
        ledger.storage.fail = Some(step);
        assert!(matches!(ledger.commit(&[intent(1)]), Err(LedgerError::Io { .. })));
        ledger.storage.fail = None;
        let before = ledger.storage.bytes.clone();
        assert!(matches!(ledger.commit(&[intent(2)]), Err(LedgerError::Poisoned)));
        assert_eq!(ledger.storage.bytes, before);
        assert!(matches!(ledger.close(), Err(LedgerError::Poisoned)));
    }
}

#[test]
fn a_record_as_long_as_a_line_may_be_is_read_back_and_a_longer_one_is_refused_before_it_is_written() {
    let excluded = |bytes: usize| {
        let why = "x".repeat(bytes);
        Record::Excluded(ExcludedRow { row: 1, line: 2, key: key(1), ticket: None, outcome: Outcome::Held, why })
    };
    let line_of = |record: &Record| {
        let mut line = Vec::new();
        line::write(&mut line, header().id, 3, record);
        line.len()
    };
    let longest = lines::LONGEST_LINE_BYTES as usize - line_of(&excluded(0));
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    // The maximum length is for a line, not for a commit.
    ledger.commit(&[excluded(longest), excluded(longest - 1), excluded(longest / 2), intent(2)]).unwrap();
    let (batch, extent) = inspect(&ledger.storage).unwrap();
    assert_eq!((extent.torn_bytes, extent.last, batch.job_states.len()), (0, 6, 2));
    let before = ledger.storage.bytes.clone();
    for bytes in [longest + 1, longest + 2, 2 * longest] {
        let (mut ledger, ..) = Ledger::open(of_lines(std::slice::from_ref(&before))).unwrap();
        assert!(matches!(ledger.commit(&[intent(3), excluded(bytes)]), Err(LedgerError::TooLong)), "{bytes}");
        assert!(matches!(ledger.commit(&[intent(3)]), Err(LedgerError::Poisoned)), "its numbers were used");
        assert_eq!(ledger.storage.bytes, before);
    }
}

/// A directory with a ledger whose name may not be durable yet.
struct Named {
    synced: bool,
}

impl Directory for Named {
    type File = Memory;

    fn open(&mut self) -> io::Result<Option<Memory>> {
        Ok(Some(begun()))
    }

    fn create_unfinished(&mut self) -> io::Result<Memory> {
        unreachable!("it is there")
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        unreachable!("it is there")
    }

    fn sync(&mut self) -> io::Result<()> {
        self.synced = true;
        Ok(())
    }
}

#[test]
fn the_name_that_a_killed_run_left_is_made_durable() {
    let mut directory = Named { synced: false };
    assert!(resume(&mut directory).unwrap().is_some());
    assert!(directory.synced);
}

#[test]
fn a_tail_that_cannot_be_set_aside_is_not_cut_off() {
    let mut torn = sample();
    torn.bytes.truncate(torn.bytes.len() - 3);
    torn.fail = Some("set_aside");
    assert!(matches!(Ledger::open(torn), Err(LedgerError::Io { doing: "repaired", .. })));
}

#[test]
fn four_bytes_a_job_and_twenty_an_entry() {
    assert_eq!(size_of::<JobState>(), 4);
    assert_eq!(size_of::<(Key, JobState)>(), 20);
}

#[test]
fn sums_of_absurd_numbers_are_the_largest_there_is() {
    let mut batch = Batch::new(header());
    batch.apply(&outcome(1, VerdictWord::Posted, Outcome::Posted));
    batch.apply(&Record::Read(Reading { rows: u64::MAX, blank: u64::MAX, fingerprint: String::new() }));
    assert_eq!((batch.counts().skipped, batch.counts().total()), (u64::MAX, u64::MAX));
}

proptest! {
    /// Reading returns for any bytes.
    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0usize..2000) {
        let mut memory = sample();
        memory.bytes.truncate(keep);
        memory.bytes.extend_from_slice(&bytes);
        let _any_answer_will_do = inspect(&memory);
    }
}

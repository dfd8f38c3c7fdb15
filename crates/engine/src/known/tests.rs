use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use proptest::prelude::*;

use super::fold::Fold;
use super::*;
use crate::api::desk::Desk;
use crate::job::{Identity, KEY_SCHEME, Key, Ticket};
use crate::ledger::Section;
use crate::ledger::{
    self, AttemptEnd, ExcludedRow, Header, Input, Intent, Ledger, LedgerError, LedgerId, Record, Run, Settled,
    Settlement, VERSION,
};
use crate::outcome::{Outcome, VerdictWord};
use crate::settings::Settings;
use crate::storage::{Directory, Storage};

/// A file in memory that may be opened several times.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn of(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(bytes.to_vec())))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Storage for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.lock().unwrap();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.0.lock().unwrap().truncate(size as usize);
        Ok(())
    }

    fn keep_torn_tail(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Directory for Memory {
    type File = Self;

    fn open(&mut self) -> io::Result<Option<Self>> {
        Ok(Some(self.clone()))
    }

    fn create_unfinished(&mut self) -> io::Result<Self> {
        Ok(self.clone())
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ledger_of(id: u64, groups: &[Vec<Record>]) -> Memory {
    let header = Header {
        version: VERSION,
        id: LedgerId(id),
        key_scheme: KEY_SCHEME,
        tool: "test".to_owned(),
        api: None,
        target: "https://example.test/".to_owned(),
        wall: Timestamp::UNIX_EPOCH,
    };
    let mut memory = Memory::default();
    ledger::begin(&mut memory, &header).unwrap();
    let (mut ledger, ..) = Ledger::open(memory).unwrap();
    groups.iter().for_each(|group| ledger.commit(group).unwrap());
    ledger.close().unwrap()
}

fn wall(at_s: u32) -> Timestamp {
    Timestamp::from_second(at_s.into()).unwrap()
}

fn ticket(n: u8) -> Ticket {
    Ticket::try_from(100 + u64::from(n)).unwrap()
}

fn name(n: u8) -> Key {
    Key::of_name(&Identity::of("t"), &format!("job {n}"))
}

fn content(n: u8, edit: u8) -> Key {
    Key::of_job(&Identity::of("t"), &ticket(n), &format!("text {edit}"))
}

fn run(named: bool, at_s: u32) -> Record {
    let key = named.then(|| "name".to_owned());
    let reader = Section::of(&BTreeMap::from([("key", key)]));
    Record::Run(Box::new(Run {
        run: 1,
        tool: "test".to_owned(),
        wall: wall(at_s),
        wall_unit_us: None,
        by: None,
        pauses_recorded: true,
        input: Input { path: None, reader, lookup_fingerprint: None, read: None },
        settings: Settings::of(&Desk),
        state_folder: None,
    }))
}

fn intent(key: Key, content: Option<Key>, n: u8, at_s: u32) -> Record {
    let row = u64::from(n) + 1;
    Record::Intent(Intent { row, key, content, ticket: ticket(n), attempt: 1, at_us: 1, wall: wall(at_s) })
}

fn outcome(key: Key, n: u8, at_s: u32, verdict: VerdictWord, to: Outcome) -> Record {
    let status = (verdict != VerdictWord::Unknown).then_some(200);
    let row = u64::from(n) + 1;
    let (ticket, wall, reply) = (ticket(n), wall(at_s), None);
    Record::Outcome(AttemptEnd { row, key, ticket, attempt: 1, at_us: 1, wall, verdict, outcome: to, status, reply })
}

fn settle(key: Key, was: Outcome, to: Outcome, at_s: u32) -> Record {
    let rows = vec![Settled { row: 1, key, was, outcome: to }];
    Record::Settle(Settlement { wall: wall(at_s), part: None, why: None, rows })
}

fn known_by(ledger: &Memory) -> KnownKeys {
    bring_up_to_date(ledger, None).unwrap().keys
}

/// All known keys, and when each was last sent.
fn all(known: &KnownKeys) -> BTreeMap<Key, u32> {
    let open = known.open.iter().map(|open| (open.known_by, open.at_s));
    let mut all = BTreeMap::new();
    for (key, at_s) in open.chain(known.rows.iter().copied()) {
        let last = all.entry(key).or_insert(at_s);
        *last = at_s.max(*last);
    }
    all
}

fn keys(known: &KnownKeys) -> Vec<Key> {
    all(known).into_keys().collect()
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

#[test]
fn posted_rows_and_those_in_doubt_are_known_and_no_others() {
    use Outcome::{Failed, InDoubt, Pending, Posted, Rejected};
    let row = |n, verdict, to| {
        let key = content(n, 0);
        [intent(key, None, n, 10), outcome(key, n, 11, verdict, to)]
    };
    let records = [
        row(0, VerdictWord::Posted, Posted),
        row(1, VerdictWord::Unknown, InDoubt),
        row(2, VerdictWord::Rejected, Rejected),
        row(3, VerdictWord::Again, Pending),
        row(4, VerdictWord::Again, Failed),
        row(5, VerdictWord::Limited, Pending),
        row(6, VerdictWord::Withdrawn, Pending),
        row(7, VerdictWord::Unsent, Pending),
        // Its result is not recorded: it may have been sent.
        [intent(content(8, 0), None, 8, 10), run(false, 12)],
    ];
    let known = known_by(&ledger_of(1, &[vec![run(false, 9)], records.concat()]));
    assert_eq!(keys(&known), sorted(vec![content(0, 0), content(1, 0), content(8, 0)]));
    assert_eq!((known.dates(), known.has_legacy(), known.names.len()), (Some((10, 11)), false, 0));
}

#[test]
fn a_doubt_stays_known_whatever_a_person_decides_about_it() {
    for to in [Outcome::Skipped, Outcome::Pending, Outcome::Rejected, Outcome::Posted] {
        let key = content(0, 0);
        let doubt = outcome(key, 0, 11, VerdictWord::Unknown, Outcome::InDoubt);
        let decided = settle(key, Outcome::InDoubt, to, 20);
        let ledger = ledger_of(1, &[vec![run(false, 9), intent(key, None, 0, 10), doubt], vec![decided]]);
        assert_eq!(keys(&known_by(&ledger)), [key], "{to}");
    }
    let key = content(0, 0);
    let refused = outcome(key, 0, 11, VerdictWord::Rejected, Outcome::Rejected);
    let waived = settle(key, Outcome::Rejected, Outcome::Skipped, 20);
    let ledger = ledger_of(1, &[vec![run(false, 9), intent(key, None, 0, 10), refused, waived]]);
    assert!(known_by(&ledger).is_empty(), "what was never sent nor in doubt is not known for being waived");
}

#[test]
fn named_jobs_are_known_by_their_content_and_older_ones_by_name_and_ticket() {
    let posted = |n, content| {
        [intent(name(n), content, n, 10), outcome(name(n), n, 11, VerdictWord::Posted, Outcome::Posted)].to_vec()
    };
    let known = known_by(&ledger_of(1, &[vec![run(true, 9)], posted(0, Some(content(0, 0)))]));
    assert_eq!(keys(&known), [content(0, 0)]);
    assert_eq!(known.names, [(name(0), content(0, 0))]);
    assert!(!known.has_legacy());
    let known = known_by(&ledger_of(1, &[vec![run(true, 9)], posted(0, None)]));
    let legacy = legacy_key(name(0), &ticket(0));
    assert_eq!((keys(&known), known.has_legacy()), (vec![legacy], true));
    assert_ne!(legacy, legacy_key(name(0), &ticket(1)), "a name of an unrelated sheet has another ticket");
}

#[test]
fn a_content_that_was_in_doubt_stays_known_after_an_edit_under_its_name_was_sent() {
    use Outcome::{Failed, InDoubt, Posted};
    let attempt =
        |edit, verdict, to| [intent(name(0), Some(content(0, edit)), 0, 10), outcome(name(0), 0, 11, verdict, to)];
    let first = [attempt(0, VerdictWord::Again, Failed), attempt(1, VerdictWord::Unknown, InDoubt)].concat();
    let then = [vec![run(true, 20)], attempt(2, VerdictWord::Posted, Posted).to_vec()].concat();
    let known = known_by(&ledger_of(1, &[vec![run(true, 9)], first, then]));
    assert_eq!(keys(&known), sorted(vec![content(0, 1), content(0, 2)]), "the first never was in doubt");
}

#[test]
fn doubts_that_a_salvage_leaves_are_known() {
    let excluded = |key, to| {
        let why = "records were lost".to_owned();
        Record::Excluded(ExcludedRow { row: 1, line: 2, key, ticket: Some(ticket(0)), outcome: to, why })
    };
    let unnamed = [run(false, 9), excluded(content(0, 0), Outcome::InDoubt), excluded(content(1, 0), Outcome::Skipped)];
    let known = known_by(&ledger_of(1, &[unnamed.to_vec()]));
    assert_eq!((keys(&known), known.dates()), (vec![content(0, 0)], Some((9, 9))));
    let known = known_by(&ledger_of(1, &[vec![run(true, 9), excluded(name(0), Outcome::InDoubt)]]));
    assert_eq!((keys(&known), known.has_legacy()), (vec![legacy_key(name(0), &ticket(0))], true));
    // An intent that was not lost has the content.
    let failed = outcome(name(0), 0, 11, VerdictWord::Again, Outcome::Failed);
    let attempt = vec![run(true, 9), intent(name(0), Some(content(0, 0)), 0, 10), failed];
    let whole = ledger_of(1, &[attempt.clone(), vec![excluded(name(0), Outcome::InDoubt)]]);
    let known = known_by(&whole);
    assert_eq!((keys(&known), known.has_legacy()), (vec![content(0, 0)], false));
    let index = bring_up_to_date(&ledger_of(1, &[attempt]), None).unwrap();
    assert_eq!(bring_up_to_date(&whole, Some(index)).unwrap().keys, known);
}

/// The result of one attempt of a run.
#[derive(Debug, Clone, Copy)]
enum End {
    Posted,
    Unknown,
    Again,
    Withdrawn,
    /// The run dies before the outcome.
    Dies,
}

#[derive(Debug, Clone)]
struct Simple {
    named: bool,
    /// The jobs, which edit of their text is sent, and the result.
    attempts: Vec<(u8, u8, End)>,
    /// A job that a person decides about after the run.
    settled: Option<u8>,
}

fn runs() -> impl Strategy<Value = Vec<Simple>> {
    let end =
        prop_oneof![Just(End::Posted), Just(End::Unknown), Just(End::Again), Just(End::Withdrawn), Just(End::Dies)];
    let run = (any::<bool>(), prop::collection::vec((0..4_u8, 0..3_u8, end), 0..8), prop::option::of(0..4_u8));
    let run = run.prop_map(|(named, attempts, settled)| Simple { named, attempts, settled });
    prop::collection::vec(run, 1..4)
}

/// The records of these runs in groups, and the known keys, computed independently of the fold.
fn played(runs: &[Simple], legacy: bool) -> (Vec<Vec<Record>>, BTreeMap<Key, u32>) {
    let (mut groups, mut known, mut at_s) = (Vec::new(), BTreeMap::new(), 10);
    let mut doubted = BTreeMap::new();
    let mut last = BTreeMap::new();
    let mut posted = BTreeSet::new();
    for simple in runs {
        groups.push(vec![run(simple.named, at_s)]);
        for (n, edit, end) in simple.attempts.iter().copied() {
            at_s += 1;
            let key = if simple.named { name(n) } else { content(n, edit) };
            if posted.contains(&key) {
                continue;
            }
            if matches!(end, End::Posted) {
                posted.insert(key);
            }
            let of = (simple.named && !legacy).then(|| content(n, edit));
            let known_by = match of {
                _ if !simple.named => key,
                Some(content) => content,
                None => legacy_key(key, &ticket(n)),
            };
            groups.push(vec![intent(key, of, n, at_s)]);
            last.insert(key, known_by);
            let was_doubted = doubted.entry(key).or_insert(false);
            *was_doubted |= matches!(end, End::Unknown | End::Dies);
            let to = match end {
                End::Posted => Outcome::Posted,
                _ if *was_doubted => Outcome::InDoubt,
                _ => Outcome::Pending,
            };
            if matches!(to, Outcome::Posted | Outcome::InDoubt) {
                known.insert(known_by, at_s);
            }
            let verdict = match end {
                End::Posted => VerdictWord::Posted,
                End::Unknown => VerdictWord::Unknown,
                End::Again => VerdictWord::Again,
                End::Withdrawn => VerdictWord::Withdrawn,
                End::Dies => break,
            };
            groups.push(vec![outcome(key, n, at_s, verdict, to)]);
        }
        at_s += 1;
        let settled = simple.settled.map(|n| if simple.named { name(n) } else { content(n, 0) });
        if let Some((key, known_by)) = settled.and_then(|key| Some((key, last.get(&key)?)))
            && doubted[&key]
        {
            groups.push(vec![settle(key, Outcome::InDoubt, Outcome::Skipped, at_s)]);
            known.insert(*known_by, at_s);
        }
    }
    (groups, known)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn an_index_of_any_beginning_and_the_rest_give_what_the_whole_gives(runs in runs(), legacy in any::<bool>()) {
        let (groups, expected) = played(&runs, legacy);
        let ledger = ledger_of(7, &groups);
        let whole = bring_up_to_date(&ledger, None).unwrap();
        prop_assert_eq!(all(&whole.keys), expected);
        let bytes = ledger.bytes();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        for end in ends {
            // An incomplete line at the end is not part of what was read.
            let beginning = [&bytes[..end], &b"{\"n\":"[..]].concat();
            let index = bring_up_to_date(&Memory::of(&beginning), None).unwrap();
            prop_assert_eq!(index.extent.good_bytes as usize, end);
            let index = Index::from_bytes(&index.to_bytes()).unwrap();
            let up_to_date = bring_up_to_date(&ledger, Some(index)).unwrap();
            prop_assert_eq!(&up_to_date.extent, &whole.extent);
            prop_assert_eq!(all(&up_to_date.keys), all(&whole.keys));
            prop_assert_eq!(&up_to_date.keys.open, &whole.keys.open);
            prop_assert_eq!(names(&up_to_date.keys), names(&whole.keys));
        }
    }

    #[test]
    fn the_bytes_of_an_index_are_refused_when_any_of_them_is_another(
        runs in runs(), legacy in any::<bool>(), bit in 0..8_u32, cut in any::<prop::sample::Index>(),
    ) {
        let (groups, _) = played(&runs, legacy);
        let ledger = ledger_of(7, &groups);
        let index = bring_up_to_date(&ledger, None).unwrap();
        let bytes = index.to_bytes();
        prop_assert_eq!(Index::from_bytes(&bytes), Some(index));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert_eq!(Index::from_bytes(&changed), None, "byte {}", at);
        }
        prop_assert_eq!(Index::from_bytes(&bytes[..cut.index(bytes.len())]), None);
        prop_assert_eq!(Index::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }
}

/// All names, each with its content key.
fn names(known: &KnownKeys) -> BTreeSet<(Key, Key)> {
    let open = known.open.iter().map(|open| (open.key, open.known_by)).filter(|(key, known_by)| key != known_by);
    open.chain(known.names.iter().copied()).collect()
}

/// An index that an earlier version wrote, when no intent was open.
#[test]
fn an_index_of_the_first_version_is_read() {
    let index = bring_up_to_date(&ledger_of(7, &posted_rows(3, 10)), None).unwrap();
    let bytes = index.to_bytes();
    let mut first = bytes[..bytes.len() - 4].to_vec();
    let version = first.iter().position(|byte| *byte == b'2').unwrap();
    first[version] = b'1';
    let counts_end = OPENING_BYTES + 8 * 3 + 4 + 2 + 8 * 2;
    first.drain(counts_end..counts_end + 8);
    let sum = crc32fast::hash(&first);
    first.extend_from_slice(&sum.to_le_bytes());
    assert_eq!(Index::from_bytes(&first), Some(index));
}

const OPENING_BYTES: usize = "batchpost known 2\n".len();

fn posted_rows(count: u8, at_s: u32) -> Vec<Vec<Record>> {
    let row = |n| {
        let key = content(n, 0);
        vec![intent(key, None, n, at_s), outcome(key, n, at_s, VerdictWord::Posted, Outcome::Posted)]
    };
    std::iter::once(vec![run(false, 9)]).chain((0..count).map(row)).collect()
}

#[test]
fn an_index_of_another_ledger_is_not_believed() {
    let ledger = ledger_of(7, &posted_rows(6, 10));
    let index = bring_up_to_date(&ledger_of(8, &posted_rows(9, 10)), None).unwrap();
    assert_eq!(bring_up_to_date(&ledger, Some(index)).unwrap(), bring_up_to_date(&ledger, None).unwrap());
}

/// For example from a backup: rows posted since stay posted.
#[test]
fn what_a_ledger_knew_stays_known_when_an_older_copy_of_it_is_put_in_its_place() {
    let index = bring_up_to_date(&ledger_of(7, &posted_rows(6, 10)), None).unwrap();
    for (rows, at_s) in [(3, 10), (3, 11), (6, 11)] {
        // Shorter, or of the same length with another end.
        let older = ledger_of(7, &posted_rows(rows, at_s));
        assert_eq!((index.fits(&older).unwrap(), index.covers(&older)), (false, false));
        let now = bring_up_to_date(&older, Some(index.clone())).unwrap();
        assert_eq!(keys(&now.keys), keys(&index.keys));
        assert_eq!(now.extent, bring_up_to_date(&older, None).unwrap().extent);
        assert!(now.fits(&older).unwrap());
    }
}

#[test]
fn damage_after_what_an_index_covers_is_found() {
    let ledger = ledger_of(7, &posted_rows(6, 10));
    let bytes = ledger.bytes();
    let lines: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let index = bring_up_to_date(&Memory::of(&bytes[..lines[5]]), None).unwrap();
    let mut damaged = bytes.clone();
    damaged[lines[7] + 20] ^= 1;
    let read = bring_up_to_date(&Memory::of(&damaged), Some(index));
    assert!(matches!(read, Err(LedgerError::Damaged { line: 9, .. })), "{read:?}");
}

#[test]
fn a_name_with_another_content_is_told_and_one_of_which_the_content_is_known_is_not() {
    struct One(KnownKeys);
    impl Registry for One {
        type Ledger = &'static str;
        type Error = ();
        fn claims(&mut self) -> Result<Vec<Claimed<&'static str>>, ()> {
            Ok(Vec::new())
        }
        fn known(
            &mut self,
            _: &[&'static str],
            each: &mut dyn FnMut(&'static str, Result<&KnownKeys, Unreadable>),
        ) -> Result<(), ()> {
            each("theirs", Ok(&self.0));
            Ok(())
        }
    }
    let mut fold = Fold::default();
    fold.take(run(true, 9).into());
    // The first name's note was in doubt, and then posted with another text.
    for (n, edit) in [(0, 0), (0, 1), (1, 0)] {
        fold.take(intent(name(n), Some(content(n, edit)), n, 10).into());
        fold.take(outcome(name(n), n, 10, VerdictWord::Unknown, Outcome::InDoubt).into());
    }
    let mut registry = One(fold.finish());
    let mut candidates = Candidates::new(vec![content(0, 1), content(1, 1)]);
    let found = look(&mut registry, &mut candidates, 0, &|key| key == name(0) || key == name(1)).unwrap();
    assert_eq!(found.known.len(), 1);
    assert_eq!((found.known[0].found.rows, found.known[0].other_content), (1, 1));
}

/// The only other run's claim, and what its ledger knows.
struct Other {
    claimed: Vec<Key>,
    known: KnownKeys,
    was_given: bool,
}

impl Registry for Other {
    type Ledger = &'static str;
    type Error = ();

    fn claims(&mut self) -> Result<Vec<Claimed<&'static str>>, ()> {
        let keys = sorted(self.claimed.clone());
        Ok(vec![Claimed { alive: true, is_begun: true, ledger: "theirs", keys, since_s: 10, until_s: 20 }])
    }

    fn known(
        &mut self,
        anew: &[&'static str],
        each: &mut dyn FnMut(&'static str, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), ()> {
        if !std::mem::replace(&mut self.was_given, true) || anew.contains(&"theirs") {
            each("theirs", Ok(&self.known));
        }
        Ok(())
    }
}

/// A run that follows a stream may last for weeks.
#[test]
fn what_a_run_has_posted_is_known_and_what_it_has_yet_to_send_is_in_use() {
    let posted =
        |n| [intent(content(n, 0), None, n, 10), outcome(content(n, 0), n, 11, VerdictWord::Posted, Outcome::Posted)];
    let sending = intent(content(2, 0), None, 2, 10);
    let records = [vec![run(false, 9)], posted(0).to_vec(), posted(1).to_vec(), vec![sending]].concat();
    let claimed = [1, 2, 3].map(|n| content(n, 0)).to_vec();
    let mut registry = Other { claimed, known: known_by(&ledger_of(1, &[records])), was_given: false };
    for (row, in_use, known) in [(0, 0, 1), (1, 0, 1), (2, 1, 1), (3, 1, 0), (4, 0, 0)] {
        let mut candidates = Candidates::new(vec![content(row, 0)]);
        let found = look(&mut registry, &mut candidates, 0, &|_| false).unwrap();
        registry.was_given = false;
        assert_eq!((found.in_use.len(), found.known.len(), found.live), (in_use, known, vec!["theirs"]), "{row}");
    }
    // It may resend what the ledger knew before its run started: the user may have requested that.
    let mut candidates = Candidates::new(vec![content(1, 0)]);
    let before = registry.known.rows.iter_mut();
    before.for_each(|(_, at_s)| *at_s = 9);
    let found = look(&mut registry, &mut candidates, 0, &|_| false).unwrap();
    assert_eq!((found.in_use.len(), found.known.len()), (1, 1));
    registry.known.rows.iter_mut().for_each(|(_, at_s)| *at_s = 11);
    // Compare again, with an unchanged ledger.
    let mut candidates = Candidates::new(vec![content(1, 0)]);
    for _ in 0..2 {
        assert_eq!(look(&mut registry, &mut candidates, 0, &|_| false).unwrap().in_use, []);
    }
}

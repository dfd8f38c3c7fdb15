mod restored;

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::batch::ledgers::begin;
use crate::job::{Identity, KEY_SCHEME, Ticket};
use crate::known::{Candidates, Claim, Claimed, Look, Registry, Unreadable, look};
use crate::leadsquared::{self, LeadSquared};
use crate::ledger::{AttemptEnd, Header, Input, Intent, Ledger, Record, Run, Section, VERSION};
use crate::outcome::{Outcome, VerdictWord};
use crate::runtime::clock::wall;
use crate::runtime::state::{Durability, StateFolder};
use crate::settings::Settings;

const TARGET: &str = "http://127.0.0.1:1/api";

/// A state folder, and a folder for each run's ledger.
struct TestFolder(TempDir);

/// Each run has a ledger of its own.
fn id_of(name: &str) -> LedgerId {
    LedgerId(u64::from(name.as_bytes()[0] - b'a') + 1)
}

impl TestFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn ledger(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap().join("ledger.jsonl")
    }

    fn account(&self) -> AccountFolder {
        StateFolder::open(&self.0.path().join("state")).unwrap().account(TARGET).unwrap()
    }

    /// The registry as seen by the run with this ledger.
    fn registry(&self, name: &str) -> FileRegistry {
        let of = (leadsquared::NAME.to_owned(), TARGET.to_owned());
        FileRegistry::new(Some(self.account()), of, (&self.ledger(name), id_of(name)), &[], true)
    }

    /// A run with its own registry that has claimed these rows.
    fn claimed(&self, name: &str, rows: &[u64]) -> OneRun {
        let mut registry = self.registry(name);
        let lock = registry.lock().unwrap();
        look_for(&mut registry, rows);
        registry.remove_dead_claims(&lock).unwrap();
        let claim = registry.claim(&sorted(rows), &lock).unwrap().unwrap();
        OneRun { path: self.ledger(name), id: id_of(name), registry, claim, ledger: None }
    }

    /// Like `claimed`, for a run that resumes its ledger.
    fn resumed(&self, name: &str, rows: &[u64]) -> OneRun {
        let ledger = || crate::batch::ledgers::resume(&self.ledger(name)).unwrap().map(|(ledger, _)| ledger);
        let run = self.claimed(name, rows);
        OneRun { ledger: ledger(), ..run }
    }

    fn claims(&self) -> usize {
        self.account().names().unwrap().iter().filter(|name| name.starts_with("claim-")).count()
    }
}

/// A run that has claimed rows. Dropping it simulates a killed run.
struct OneRun {
    path: PathBuf,
    id: LedgerId,
    registry: FileRegistry,
    claim: OwnClaim,
    ledger: Option<Ledger<LedgerFile>>,
}

impl OneRun {
    fn commit(&mut self, record: Record) {
        let ledger = self.ledger.get_or_insert_with(|| {
            let mut ledger = begin(&self.path, &header(self.id.0)).unwrap();
            ledger.commit(&[run()]).unwrap();
            self.claim.begun().unwrap();
            ledger
        });
        ledger.commit(&[record]).unwrap();
    }

    fn post(&mut self, row: u64) {
        self.commit(intent(row));
        self.commit(posted(row));
    }

    fn end(mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.close().unwrap();
        }
        let lock = self.registry.lock().unwrap();
        self.registry.release(&self.claim, &lock).unwrap();
    }
}

fn key(row: u64) -> Key {
    Key::of_job(&Identity::of(TARGET), &ticket(), &format!("row {row}"))
}

fn ticket() -> Ticket {
    Ticket::try_from(143).unwrap()
}

fn sorted(rows: &[u64]) -> Vec<Key> {
    let mut keys: Vec<Key> = rows.iter().map(|row| key(*row)).collect();
    keys.sort_unstable();
    keys
}

fn header(id: u64) -> Header {
    Header {
        version: VERSION,
        id: LedgerId(id),
        key_scheme: KEY_SCHEME,
        tool: "test".to_owned(),
        api: None,
        target: TARGET.to_owned(),
        wall: wall(),
    }
}

fn run() -> Record {
    Record::Run(Box::new(Run {
        run: 1,
        tool: "test".to_owned(),
        wall: wall(),
        wall_unit_us: None,
        by: None,
        pauses_recorded: true,
        input: Input { path: None, reader: Section::default(), lookup_fingerprint: None, read: None },
        settings: Settings::of(&LeadSquared),
        state_folder: None,
    }))
}

fn intent(row: u64) -> Record {
    let (key, ticket) = (key(row), ticket());
    Record::Intent(Intent { row, key, content: None, ticket, attempt: 1, at_us: 1, wall: wall() })
}

fn posted(row: u64) -> Record {
    ended(row, VerdictWord::Posted, Outcome::Posted)
}

fn refused(row: u64) -> Record {
    ended(row, VerdictWord::Rejected, Outcome::Rejected)
}

fn ended(row: u64, verdict: VerdictWord, outcome: Outcome) -> Record {
    let (key, ticket) = (key(row), ticket());
    Record::Outcome(AttemptEnd {
        row,
        key,
        ticket,
        attempt: 1,
        at_us: 1,
        wall: wall(),
        verdict,
        outcome,
        status: Some(200),
        reply: None,
    })
}

fn look_for<R: Registry<Error = RegistryError>>(registry: &mut R, rows: &[u64]) -> Look<R::Ledger> {
    look(registry, &mut Candidates::new(sorted(rows)), 0, &|_| false).unwrap()
}

/// Numbers of rows to send that live runs use and that are known, and of ledgers that cannot be read.
fn numbers<L>(look: &Look<L>) -> (u64, u64, usize) {
    let in_use = look.in_use.iter().map(|run| run.rows).sum();
    (in_use, look.known.iter().map(|known| known.found.rows).sum(), look.unreadable.len())
}

#[test]
fn a_posts_a_row_and_ends_between_bs_look_and_bs_claim() {
    let place = TestFolder::new();
    let mut b = place.registry("b");
    let mut candidates = Candidates::new(sorted(&[1, 2, 3]));
    let first = look(&mut b, &mut candidates, 0, &|_| false).unwrap();
    assert_eq!(numbers(&first), (0, 0, 0), "there was nothing to see");

    let mut a = place.claimed("a", &[2, 9]);
    a.post(2);
    a.end();

    let _lock = b.lock().unwrap();
    let second = look(&mut b, &mut candidates, 0, &|_| false).unwrap();
    assert_eq!(numbers(&second), (0, 1, 0));
    assert_eq!((second.known[0].found.new, &second.known[0].ledger.path), (1, &place.ledger("a")));
    assert!(candidates.is_known(key(2)) && !candidates.is_known(key(1)) && !candidates.is_known(key(9)));
}

#[test]
fn a_dies_after_its_intent_and_before_bs_look() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2, 3]);
    a.post(1);
    a.commit(intent(2));
    drop(a);

    let mut b = place.registry("b");
    assert_eq!(numbers(&look_for(&mut b, &[1, 2, 3, 4])), (0, 2, 0), "the row that it had not come to is free");
    assert_eq!(place.claims(), 1);
    let lock = b.lock().unwrap();
    b.remove_dead_claims(&lock).unwrap();
    assert_eq!(place.claims(), 0);
    drop(lock);
    assert_eq!(numbers(&look_for(&mut place.registry("c"), &[1, 2, 3, 4])), (0, 2, 0), "the ledger says it still");
}

#[test]
fn a_run_that_ends_between_the_two_steps_of_a_look_is_seen_in_the_first() {
    struct EndsBetween {
        registry: FileRegistry,
        run: Option<OneRun>,
    }
    impl Registry for EndsBetween {
        type Ledger = NamedLedger;
        type Error = RegistryError;
        fn claims(&mut self) -> Result<Vec<Claimed<NamedLedger>>, RegistryError> {
            self.registry.claims()
        }
        fn known(
            &mut self,
            anew: &[NamedLedger],
            each: &mut dyn FnMut(NamedLedger, Result<&KnownKeys, Unreadable>),
        ) -> Result<(), RegistryError> {
            if let Some(mut run) = self.run.take() {
                run.post(1);
                run.end();
            }
            self.registry.known(anew, each)
        }
    }
    let place = TestFolder::new();
    let run = Some(place.claimed("a", &[1, 2]));
    let mut b = EndsBetween { registry: place.registry("b"), run };
    // The ledger records the first row. The second one may be about to be sent.
    assert_eq!(numbers(&look_for(&mut b, &[1, 2])), (1, 1, 0));
}

#[test]
fn rows_that_a_live_run_claimed_are_in_use_whether_it_has_begun_its_ledger_or_not() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    let mut b = place.registry("b");
    let found = look_for(&mut b, &[2, 3]);
    // Its ledger is listed but does not exist yet: nothing can be read, and only the claim is known.
    assert_eq!((numbers(&found), &found.in_use[0].ledger.path), ((1, 0, 0), &place.ledger("a")));
    a.post(2);
    assert_eq!(numbers(&look_for(&mut b, &[1, 2, 3])), (1, 1, 0), "one is known, the other in use");
    assert_eq!(numbers(&look_for(&mut place.registry("c"), &[3])), (0, 0, 0));
    let lock = b.lock().unwrap();
    b.remove_dead_claims(&lock).unwrap();
    assert_eq!(place.claims(), 1, "the claim of a live run is never removed");
}

#[test]
fn what_a_dead_run_claimed_counts_as_sent_where_its_ledger_is_gone() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.commit(intent(1));
    drop(a);
    fs::remove_file(place.ledger("a")).unwrap();
    let mut b = place.registry("b");
    assert_eq!(numbers(&look_for(&mut b, &[2, 3])), (0, 1, 0));
    let lock = b.lock().unwrap();
    b.remove_dead_claims(&lock).unwrap();
    drop(lock);
    assert_eq!(place.claims(), 1, "nothing else says that these rows may have been sent");
    // The run itself can continue.
    assert_eq!(numbers(&look_for(&mut place.registry("a"), &[1, 2])), (0, 0, 0));
}

#[test]
fn a_run_that_died_before_it_began_its_ledger_has_sent_nothing_and_leaves_nothing() {
    let place = TestFolder::new();
    drop(place.claimed("a", &[1, 2]));
    let mut b = place.registry("b");
    assert_eq!(numbers(&look_for(&mut b, &[2, 3])), (0, 0, 0));
    let lock = b.lock().unwrap();
    b.remove_dead_claims(&lock).unwrap();
    assert_eq!((place.claims(), b.listed().unwrap().len()), (0, 0));
}

#[test]
fn what_was_released_is_known_from_the_ledger_and_when_that_is_gone_from_its_index() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.post(1);
    a.end();
    assert_eq!(place.claims(), 0);
    let listed = place.registry("b").listed().unwrap();
    let size = fs::metadata(place.ledger("a")).unwrap().len();
    assert_eq!(
        listed.iter().map(|ledger| (&ledger.path, ledger.ended_bytes)).collect::<Vec<_>>(),
        [(&place.ledger("a"), Some(size))]
    );
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])), (0, 1, 0));
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])), (0, 1, 0), "its index is complete");
    let index = Indexes::name(&place.ledger("a"), LedgerId(1));
    place.account().remove(&index).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])).2, 1, "now nobody knows what it posted");
}

#[test]
fn a_claim_stays_until_what_its_run_sent_is_in_an_index() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.post(1);
    let index = place.account().path().join(Indexes::name(&place.ledger("a"), LedgerId(1)));
    fs::create_dir_all(index.join("in the way")).unwrap();
    a.end();
    assert_eq!(place.claims(), 1);
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])).1, 2, "it may have sent both");
}

#[test]
fn a_run_that_is_resumed_and_ends_leaves_no_claim_of_the_time_it_died() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2, 3]);
    a.post(1);
    drop(a);
    let mut again = place.claimed("a", &[2]);
    again.ledger = crate::batch::ledgers::resume(&place.ledger("a")).unwrap().map(|(ledger, _)| ledger);
    again.post(2);
    again.end();
    assert_eq!(place.claims(), 0);
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2, 3])), (0, 2, 0), "the third was never sent");
}

#[test]
fn what_a_dead_run_sent_is_noted_before_its_ledger_is_claimed_anew() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2, 3]);
    a.post(1);
    a.commit(intent(2));
    drop(a);
    let mut again = place.claimed("a", &[3]);
    again.ledger = crate::batch::ledgers::resume(&place.ledger("a")).unwrap().map(|(ledger, _)| ledger);
    let mut b = place.registry("b");
    look_for(&mut b, &[9]);
    let lock = b.lock().unwrap();
    b.remove_dead_claims(&lock).unwrap();
    drop(lock);
    drop(again);
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("c"), &[1, 2, 3])), (0, 2, 0), "the third was never sent");
}

/// The claim lacks the rows that the run posted before there was a registry, and other runs cannot read the
/// ledger while the run is alive.
#[test]
fn what_a_ledger_of_an_earlier_version_knows_is_noted_when_a_run_goes_on_with_it() {
    let place = TestFolder::new();
    let mut ledger = begin(&place.ledger("a"), &header(1)).unwrap();
    ledger.commit(&[run(), intent(1), posted(1)]).unwrap();
    ledger.close().unwrap();
    let _a = place.claimed("a", &[2]);
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1, 2])), (1, 1, 0));
}

#[test]
fn an_intent_that_was_open_when_it_was_read_is_known_until_it_is_refused() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.commit(intent(1));
    let mut b = Remembering::new(place.registry("b"));
    // As a run that follows a stream looks rows up, one by one.
    let mut is_known = |row| {
        let mut candidates = Candidates::new(sorted(&[row]));
        look(&mut b, &mut candidates, 0, &|_| false).unwrap();
        candidates.known() == 1
    };
    assert!(is_known(1) && !is_known(2));
    a.commit(refused(1));
    a.post(2);
    a.end();
    for _ in 0..2 {
        assert!(!is_known(1) && is_known(2));
    }
}

#[test]
fn what_a_removed_ledger_knew_is_known_to_each_look_though_another_one_is_in_its_place() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    [1, 2].iter().for_each(|row| a.post(*row));
    a.end();
    fs::remove_file(place.ledger("a")).unwrap();
    let mut second = begin(&place.ledger("a"), &header(26)).unwrap();
    second.commit(&[run()]).unwrap();
    second.close().unwrap();
    let lock = place.registry("a").lock().unwrap();
    place.registry("a").list_ledger(super::listed(LedgerId(26), TARGET, &place.ledger("a")), &lock).unwrap();
    drop(lock);
    let mut b = Remembering::new(place.registry("b"));
    for row in [1, 2] {
        let found = look(&mut b, &mut Candidates::new(sorted(&[row])), 0, &|_| false).unwrap();
        assert_eq!(numbers(&found), (0, 1, 0), "row {row}");
    }
}

#[test]
fn a_ledger_that_was_begun_anew_with_as_many_bytes_is_read() {
    let place = TestFolder::new();
    let mut b = Remembering::new(place.registry("b"));
    let mut a = place.claimed("a", &[1]);
    a.post(1);
    a.end();
    look(&mut b, &mut Candidates::new(sorted(&[9])), 0, &|_| false).unwrap();
    fs::remove_file(place.ledger("a")).unwrap();
    let of = (leadsquared::NAME.to_owned(), TARGET.to_owned());
    let mut registry = FileRegistry::new(Some(place.account()), of, (&place.ledger("a"), LedgerId(26)), &[], true);
    let lock = registry.lock().unwrap();
    let claim = registry.claim(&sorted(&[2]), &lock).unwrap().unwrap();
    drop(lock);
    let mut a = OneRun { path: place.ledger("a"), id: LedgerId(26), registry, claim, ledger: None };
    a.post(2);
    a.end();
    // Simulates a second ledger with the same size as the first.
    let size = fs::metadata(place.ledger("a")).unwrap().len();
    b.registry.seen.insert((place.ledger("a"), id_of("a")), size);
    let mut candidates = Candidates::new(sorted(&[1, 2]));
    look(&mut b, &mut candidates, 0, &|_| false).unwrap();
    assert_eq!(candidates.known(), 2);
}

#[test]
fn a_ledger_that_a_run_posts_by_is_not_forgotten() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1, 2]);
    a.post(1);
    let b = place.registry("b");
    let lock = b.lock().unwrap();
    let listed = b.listed().unwrap().remove(0);
    assert!(matches!(b.forget_ledger(&listed, &lock), Err(RegistryError::Live(path)) if path == place.ledger("a")));
    drop(a);
    b.forget_ledger(&listed, &lock).unwrap();
    assert_eq!((b.listed().unwrap().len(), place.claims()), (0, 0));
}

#[test]
fn the_claim_of_a_dead_run_stays_where_its_ledger_was_read_while_it_lived_and_then_the_ledger_is_gone() {
    let place = TestFolder::new();
    let mut a = place.claimed("a", &[1]);
    a.post(1);
    let mut b = place.registry("b");
    look_for(&mut b, &[2]);
    drop(a);
    let lock = b.lock().unwrap();
    look_for(&mut b, &[2]);
    b.remove_dead_claims(&lock).unwrap();
    drop(lock);
    fs::remove_file(place.ledger("a")).unwrap();
    assert_eq!(numbers(&look_for(&mut place.registry("c"), &[1])), (0, 1, 0));
}

#[test]
fn an_index_that_was_overwritten_or_is_another_ledgers_makes_the_ledger_be_read() {
    let place = TestFolder::new();
    for (name, row) in [("a", 1), ("b", 2)] {
        let mut run = place.claimed(name, &[row]);
        run.post(row);
        run.end();
    }
    let account = place.account();
    let [of_a, of_b] = ["a", "b"].map(|name| Indexes::name(&place.ledger(name), id_of(name)));
    let others = account.read(&of_b).unwrap();
    for bytes in [&others[..], b"", b"batchpost known 1\nand so on"] {
        account.replace(&of_a, bytes, Durability::Content).unwrap();
        assert_eq!(numbers(&look_for(&mut place.registry("c"), &[1, 5])), (0, 1, 0));
    }
}

#[test]
fn a_claim_that_its_run_is_about_to_write_or_died_over_is_none_and_a_live_one_of_another_version_stops_a_look() {
    let place = TestFolder::new();
    let account = place.account();
    let whole = [Claim::begin("{}"), Claim::group(&sorted(&[1]))].concat();
    for bytes in [&b""[..], &whole[..10], &whole[..20]] {
        account.replace("claim-0123456789abcdef", bytes, Durability::Content).unwrap();
        assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1])), (0, 0, 0));
        let live = account.open_read("claim-0123456789abcdef").unwrap();
        live.try_lock().unwrap();
        assert_eq!(numbers(&look_for(&mut place.registry("b"), &[1])), (0, 0, 0));
    }
    account.replace("claim-0123456789abcdef", b"batchpost claim 9\n", Durability::Content).unwrap();
    let live = account.open_read("claim-0123456789abcdef").unwrap();
    live.try_lock().unwrap();
    let looked = look(&mut place.registry("b"), &mut Candidates::new(sorted(&[1])), 0, &|_| false);
    assert!(matches!(looked, Err(RegistryError::Claim { .. })), "{looked:?}");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_is_listed_and_claimed() {
    use std::os::unix::ffi::OsStrExt;
    let place = TestFolder::new();
    let name = std::ffi::OsStr::from_bytes(b"M\xe4rz.csv.ledger.jsonl");
    let path = place.0.path().canonicalize().unwrap().join(name);
    let own = |place: &TestFolder| {
        let of = (leadsquared::NAME.to_owned(), TARGET.to_owned());
        FileRegistry::new(Some(place.account()), of, (&path, id_of("a")), &[], true)
    };
    let mut registry = own(&place);
    let lock = registry.lock().unwrap();
    let claim = registry.claim(&sorted(&[1, 2]), &lock).unwrap().unwrap();
    drop(lock);
    let mut a = OneRun { path: path.clone(), id: id_of("a"), registry, claim, ledger: None };
    a.post(1);
    let found = look_for(&mut place.registry("b"), &[1, 2]);
    assert_eq!((numbers(&found), &found.in_use[0].ledger.path), ((1, 1, 0), &path));
    a.end();
    let found = look_for(&mut place.registry("b"), &[1, 2]);
    assert_eq!((numbers(&found), &found.known[0].ledger.path), ((0, 1, 0), &path));
    assert_eq!(place.registry("b").listed().unwrap()[0].path, path);
}

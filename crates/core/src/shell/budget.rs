//! The budget that the runs of one account share, in a folder of this machine: its state in one small file, which is
//! replaced whole; a lock for the moment in which one run changes it; and for each run a file that it keeps locked
//! while it lives. The system lets go of that lock when a process ends, however it does.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::platform::{LockHolder, lock_holder};
use super::state::{AccountFolder, Durability, Life, StateChoice, StateError, StateFolder, account_path};
use crate::budget::{Answer, Budget, BudgetError, Ended, Request, Wait};
use crate::doctor::Kept;
use crate::limit::Limit;
use crate::limiter::{Account, Member, Sharer, Stamp, Unreadable};
use crate::schedule::Load;

/// Why a run cannot have a part in its account's budget.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharingError {
    /// There is no folder to keep it in.
    #[error(
        "there is no place for the account's budget, which all its runs share: neither XDG_STATE_HOME nor HOME is set"
    )]
    NoPlace,
    /// The folder that the ledger's last run used does not exist.
    #[error("the state folder {} that this ledger's last run used does not exist", .0.display())]
    Gone(PathBuf),
    /// Two folders know the account.
    #[error(
        "the account is known in two state folders, {} and {}, and runs that use different ones do not keep its limit together",
        shared.display(), personal.display()
    )]
    Two {
        /// The shared one.
        shared: PathBuf,
        /// The user's own.
        personal: PathBuf,
        /// What the user's own has of the account.
        account: PathBuf,
    },
    /// The folder for it cannot be used.
    #[error(transparent)]
    Folder(#[from] StateError),
    /// It cannot be kept.
    #[error("the account's budget in {} cannot be {doing}: {source}", path.display())]
    Io {
        /// Where it is.
        path: PathBuf,
        /// What failed.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A newer version keeps it otherwise.
    #[error("the account's budget {}: {source}", path.display())]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: Unreadable,
    },
    /// A defect of this program.
    #[error("the thread that keeps the account's budget is gone")]
    Panicked,
}

/// No state is longer, unless it is damaged.
const LONGEST_STATE: u64 = 16 << 20;

/// A run's part in its account's budget.
#[derive(Debug)]
pub(super) struct SharedBudget {
    folder: Folder,
    lock: File,
    member: Member,
    clock: Clock,
    /// Until when all slots are taken to be in use, as it was said last.
    full_to: Option<Duration>,
    /// After an error nothing more is written: what the account knows of this run then, it holds until it is found
    /// dead.
    poisoned: bool,
    /// Locked while this run lives.
    _alive: File,
}

impl SharedBudget {
    /// Joins the other runs of the account; tells who they are. Waits for as long as another process has the lock.
    ///
    /// `unknown` is the longest time-out of requests that may have been sent until now without this budget's knowledge; none
    /// where there are none.
    pub(super) fn join(
        folder: Folder,
        mut member: Member,
        clock: Clock,
        unknown: Option<Duration>,
    ) -> Result<(Self, Vec<Sharer>), SharingError> {
        let lock = folder.0.lock_file(LOCK).map_err(folder.failed("locked"))?;
        let locked = Locked::on(&lock).map_err(folder.failed("locked"))?;
        let stamp = clock.stamp();
        let mut account = folder.load(&lock, &stamp, member.run().timeout)?;
        // While the lock is held: a file without a run that locks it is a dead one's, and is removed.
        let alive = folder.create_alive(member.run().id).map_err(folder.failed("joined"))?;
        folder.find_dead(&mut account, member.run().id, stamp.at);
        folder.remove_remains(&account, member.run().id);
        let others = account.sharers().cloned().collect();
        if let Some(timeout) = unknown {
            account.take_as_unknown(timeout.max(USUAL_TIMEOUT), stamp.at);
        }
        member.join(&mut account, stamp.at);
        folder.store(&account, &stamp, Durability::Name).map_err(folder.failed("written"))?;
        mark_begun(&lock).map_err(folder.failed("written"))?;
        drop(locked);
        let mut budget = Self { folder, lock, member, clock, full_to: None, poisoned: false, _alive: alive };
        budget.say_if_full(&account, &stamp);
        Ok((budget, others))
    }

    /// Leaves the others, giving back what has ended. Slots that it still holds count as of attempts that end now.
    pub(super) fn leave(mut self, ended: &[(Ended, Duration)]) -> Result<(), SharingError> {
        if self.poisoned {
            return Ok(());
        }
        let locked = Locked::on(&self.lock).map_err(self.folder.failed("locked"))?;
        let (elapsed, stamp) = self.clock.both();
        let ended = on_account_clock(ended, elapsed, stamp.at);
        let mut account = self.folder.load(&self.lock, &stamp, self.member.run().timeout)?;
        self.member.leave(&mut account, &ended, stamp.at);
        self.folder.store(&account, &stamp, Durability::Name).map_err(self.folder.failed("written"))?;
        // What cannot be removed is so by the next run.
        self.folder.0.remove(&alive(self.member.run().id)).ok();
        drop(locked);
        Ok(())
    }

    fn exchange(&mut self, request: &Request) -> Result<Answer, SharingError> {
        let locked = Locked::on(&self.lock).map_err(self.folder.failed("locked"))?;
        // Only now: waiting for the lock takes its time.
        let (elapsed, stamp) = self.clock.both();
        let request = Request { ended: on_account_clock(&request.ended, elapsed, stamp.at), ..request.clone() };
        let mut account = self.folder.load(&self.lock, &stamp, self.member.run().timeout)?;
        self.folder.find_dead(&mut account, self.member.run().id, stamp.at);
        let answer = self.member.exchange(&mut account, &request, stamp.at);
        let durability = if account.outlasts_a_restart() { Durability::Content } else { Durability::None };
        self.folder.store(&account, &stamp, durability).map_err(self.folder.failed("written"))?;
        drop(locked);
        self.say_if_full(&account, &stamp);
        if answer.granted > 0 && account.outlasts_a_restart() {
            // Whoever replaced it meanwhile had read it: this name or a later one is made durable.
            self.folder.0.sync().map_err(self.folder.failed("synced"))?;
        }
        let wait = answer.wait.map(|wait| match wait {
            Wait::Until(until) => Wait::Until(elapsed + until.saturating_sub(stamp.at)),
            Wait::UntilOneEnds => Wait::UntilOneEnds,
        });
        Ok(Answer { wait, ..answer })
    }

    /// Says why nothing is sent, where it is not known what was. Whoever met the damage may be gone, and a restart is no
    /// damage: so each run says it for itself.
    fn say_if_full(&mut self, account: &Account, stamp: &Stamp) {
        let limits = &self.member.run().limits;
        let full_to = limits.iter().filter_map(|limit| account.full_to(limit.window(), stamp.at)).max();
        if full_to > self.full_to {
            self.full_to = full_to;
            let left = full_to.unwrap_or_default().saturating_sub(stamp.at);
            let until = stamp.wall.checked_add(left).unwrap_or(Timestamp::MAX);
            tracing::warn!(
                %until,
                "what was sent for the account of late is not known, since its budget was lost, the machine restarted under a run, or \
                 a batch came from another state folder: every slot is taken to be in use, and nothing is sent until all have \
                 come free"
            );
        }
    }
}

impl Budget for SharedBudget {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Answer, BudgetError> {
        if self.poisoned {
            return Err(BudgetError("the account's budget could not be kept".to_owned()));
        }
        let result = Self::exchange(self, request);
        self.poisoned = result.is_err();
        result.map_err(|error| BudgetError(error.to_string()))
    }
}

/// What is used of `limits` by the runs of the account `target`; none where nothing is known of it.
///
/// `timeout` is what requests that are not known of are taken to have at the most.
pub(super) fn loads(state: &StateChoice, target: &str, limits: &[Limit], timeout: Duration) -> Option<Vec<Load>> {
    let lost = || {
        let stamp = Clock::start().stamp();
        Some(loads_of(&of_lost_state(&stamp, timeout), limits, &stamp))
    };
    match glance(&state.path, target, limits).1 {
        // Nothing is known there of what was sent before.
        _ if state.is_moved() => lost(),
        Kept::Known { loads, .. } => Some(loads),
        Kept::Lost(_) => lost(),
        Kept::NotBegun | Kept::Unusable(_) => None,
    }
}

fn loads_of(account: &Account, limits: &[Limit], stamp: &Stamp) -> Vec<Load> {
    let wall = |free: Duration| stamp.wall.checked_add(free.saturating_sub(stamp.at)).unwrap_or(Timestamp::MAX);
    let load = |limit: &Limit| {
        let freeing = account.freeing(*limit, stamp.at);
        Load { limit: *limit, freeing: freeing.into_iter().map(|(free, count)| (wall(free), count)).collect() }
    };
    limits.iter().map(load).collect()
}

/// What there is of the budget of the account `target`, and where, for one who has no part in it. Nothing is locked:
/// the state is replaced whole, and a run that it names has locked its own file before.
pub(super) fn glance(state: &Path, target: &str, limits: &[Limit]) -> (PathBuf, Kept) {
    let stamp = Clock::start().stamp();
    let account = StateFolder::open_existing(state)
        .and_then(|state| state.map_or(Ok(None), |state| state.existing_account(target)));
    let folder = match account {
        Ok(Some(account)) => Folder::of(account),
        Ok(None) => return (account_path(state, target), Kept::NotBegun),
        Err(error) => return (account_path(state, target), Kept::Unusable(error.to_string())),
    };
    let kept = match folder.read(&stamp) {
        Ok(Ok(account)) => {
            let runs = account.sharers().filter(|run| folder.is_alive(&account, run.id, stamp.at)).cloned().collect();
            Kept::Known { runs, loads: loads_of(&account, limits, &stamp) }
        }
        Ok(Err(damaged @ Unreadable::Damaged(_))) => Kept::Lost(damaged.to_string()),
        Ok(Err(newer)) => Kept::Unusable(newer.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match folder.0.open_read(LOCK).and_then(|lock| lock.metadata()) {
                Ok(lock) if lock.len() > 0 => Kept::Lost("it is gone".to_owned()),
                _ => Kept::NotBegun,
            }
        }
        Err(error) => Kept::Unusable(error.to_string()),
    };
    (folder.path().to_owned(), kept)
}

/// Times since the run began, on the account's clock. `elapsed` was read before `at`, and the account's clock does not
/// stand still while the machine sleeps: no time comes out earlier than it was.
fn on_account_clock(ended: &[(Ended, Duration)], elapsed: Duration, at: Duration) -> Vec<(Ended, Duration)> {
    ended.iter().map(|(how, then)| (*how, at.saturating_sub(elapsed.saturating_sub(*then)))).collect()
}

/// Holds the lock on the account's state.
struct Locked<'a>(&'a File);

impl<'a> Locked<'a> {
    fn on(file: &'a File) -> io::Result<Self> {
        loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|()| Self(file)),
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Where this fails the file's end lets go of it.
        self.0.unlock().ok();
    }
}

/// The lock file says that there has been a state: one that is missing then was lost.
fn mark_begun(mut lock: &File) -> io::Result<()> {
    if lock.metadata()?.len() == 0 { lock.write_all(b"begun\n") } else { Ok(()) }
}

const BUDGET: &str = "budget";
const LOCK: &str = "lock";

/// The name of the file that a run keeps locked while it lives.
fn alive(id: u64) -> String {
    format!("run-{id:016x}")
}

/// An account's folder, as its budget uses it.
#[derive(Debug, Clone)]
pub(super) struct Folder(Arc<AccountFolder>);

impl Folder {
    pub(super) fn of(account: AccountFolder) -> Self {
        Self(Arc::new(account))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The process that holds the lock, and what it posts, as far as that can be found out.
    pub(super) fn holder(&self, stamp: &Stamp) -> Option<(u32, Option<String>)> {
        let LockHolder::Held(pid) = lock_holder(&self.0.open_read(LOCK).ok()?) else { return None };
        let account = self.read(stamp).ok().and_then(Result::ok).unwrap_or_default();
        let name = account.sharers().find(|run| run.pid == pid).map(|run| run.name.clone());
        Some((pid, name))
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> SharingError + use<> {
        let path = self.path().to_owned();
        move |source| SharingError::Io { path: path.clone(), doing, source }
    }

    fn read(&self, stamp: &Stamp) -> io::Result<Result<Account, Unreadable>> {
        let mut line = Vec::new();
        self.0.open_read(BUDGET)?.take(LONGEST_STATE).read_to_end(&mut line)?;
        Ok(Account::read(&line, stamp))
    }

    /// The state as it is on the clock of `stamp`. One that is damaged or was lost is taken for full windows.
    fn load(&self, lock: &File, stamp: &Stamp, timeout: Duration) -> Result<Account, SharingError> {
        let path = self.path().join(BUDGET);
        let why = match self.read(stamp) {
            Ok(Ok(account)) => return Ok(account),
            Ok(Err(source @ Unreadable::Newer(_))) => return Err(SharingError::Newer { path, source }),
            Ok(Err(error)) => error.to_string(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if lock.metadata().map_err(self.failed("read"))?.len() == 0 {
                    return Ok(Account::default());
                }
                "it is gone".to_owned()
            }
            Err(source) => return Err(self.failed("read")(source)),
        };
        tracing::warn!(path = %path.display(), "the account's budget is damaged: {why}");
        Ok(of_lost_state(stamp, timeout))
    }

    /// Replaces the state.
    fn store(&self, account: &Account, stamp: &Stamp, durability: Durability) -> io::Result<()> {
        self.0.replace(BUDGET, account.to_line(stamp).as_bytes(), durability)
    }

    /// A file that says, while it is locked, that the run lives.
    fn create_alive(&self, id: u64) -> io::Result<File> {
        let file = self.0.create_exclusive(&alive(id))?;
        file.try_lock()?;
        Ok(file)
    }

    /// Whether a run of the account lives. Of one whose file tells nothing, only as long as it can be under way by what it
    /// did last.
    fn is_alive(&self, account: &Account, id: u64, now: Duration) -> bool {
        match self.0.life(&alive(id)) {
            Life::Locked => true,
            Life::Free | Life::Missing => false,
            Life::Unknown => account.is_presumed_alive(id, now),
        }
    }

    fn find_dead(&self, account: &mut Account, own: u64, now: Duration) {
        let others = account.sharers().map(|run| run.id).filter(|id| *id != own);
        let dead: Vec<u64> = others.filter(|id| !self.is_alive(account, *id, now)).collect();
        account.find_dead(|run| !dead.contains(&run.id), now);
    }

    /// Removes the files of runs that are dead and forgotten, and what they left unfinished. What cannot be removed is in
    /// nobody's way.
    fn remove_remains(&self, account: &Account, own: u64) {
        self.0.remove_unfinished(BUDGET).ok();
        for name in self.0.names().unwrap_or_default() {
            let id = name.strip_prefix("run-").and_then(|id| u64::from_str_radix(id, 16).ok());
            if let Some(id) = id
                && id != own
                && account.sharers().all(|run| run.id != id)
                && matches!(self.0.life(&name), Life::Free)
            {
                self.0.remove(&name).ok();
            }
        }
    }
}

/// Requests of other runs may be under way for as long as their time-outs, of which a run's own is the best guess.
fn of_lost_state(stamp: &Stamp, timeout: Duration) -> Account {
    Account::unknown(stamp.at + timeout.max(USUAL_TIMEOUT))
}

/// What most runs wait for a reply.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::settings::Spread;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn join(state: &Path, id: u64) -> (SharedBudget, Vec<Sharer>) {
        let run = Sharer { id, name: format!("{id}.csv"), ..Sharer::new(vec!["5/1h".parse().unwrap()], TIMEOUT) };
        let member = Member::new(run, Spread::Burst);
        let account = StateFolder::open(state).unwrap().account("http://127.0.0.1:1/api").unwrap();
        SharedBudget::join(Folder::of(account), member, Clock::start(), None).unwrap()
    }

    fn take(budget: &mut SharedBudget, want: u32) -> Answer {
        Budget::exchange(budget, &Request { want: Some(want), ..Request::default() }, Duration::ZERO).unwrap()
    }

    fn folder(state: &Path) -> PathBuf {
        fs::read_dir(state.join("budgets")).unwrap().next().unwrap().unwrap().path()
    }

    #[test]
    fn what_one_run_took_another_does_not_get_and_what_it_gave_back_unused_it_does() {
        let state = tempfile::tempdir().unwrap();
        let (mut a, others) = join(state.path(), 1);
        assert!(others.is_empty());
        let (mut b, others) = join(state.path(), 2);
        assert_eq!(others.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["1.csv"]);
        assert_eq!((take(&mut a, 3).granted, take(&mut b, 3).granted), (3, 2));
        a.leave(&[(Ended::NotSent, Duration::ZERO); 3]).unwrap();
        assert_eq!(take(&mut b, 9).granted, 3);
        assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 3, "budget, lock, one run");
    }

    #[test]
    fn a_run_that_is_gone_without_a_word_is_found_and_its_slots_are_kept() {
        let state = tempfile::tempdir().unwrap();
        let (mut a, _) = join(state.path(), 1);
        assert_eq!(take(&mut a, 4).granted, 4);
        drop(a);
        let (mut b, others) = join(state.path(), 2);
        assert!(others.is_empty(), "{others:?}");
        let answer = take(&mut b, 5);
        let Some(Wait::Until(until)) = answer.wait else { panic!("{answer:?}") };
        assert_eq!(answer.granted, 1);
        let least = TIMEOUT + Duration::from_secs(3600);
        assert!((least..least + Duration::from_secs(30)).contains(&until), "{until:?}");
        assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 3, "the dead one's file is gone");
    }

    #[cfg(unix)]
    #[test]
    fn a_run_whose_file_tells_nothing_is_taken_for_alive_until_all_that_it_took_is_free_and_no_longer() {
        let state = tempfile::tempdir().unwrap();
        let (mut a, _) = join(state.path(), 1);
        assert_eq!(take(&mut a, 4).granted, 4);
        let file = folder(state.path()).join(alive(1));
        fs::remove_file(&file).and_then(|()| std::os::unix::fs::symlink("/nowhere", &file)).unwrap();
        let (mut b, others) = join(state.path(), 2);
        assert_eq!((others.len(), take(&mut b, 5).granted), (1, 1));
        let now = Clock::start().stamp();
        let mut account = b.folder.read(&now).unwrap().unwrap();
        let last = now.at + TIMEOUT + Duration::from_secs(3600);
        assert!(b.folder.is_alive(&account, 1, last - Duration::from_secs(60)));
        assert!(!b.folder.is_alive(&account, 1, last));
        // What it took counts on, as of one that is found dead.
        b.folder.find_dead(&mut account, 2, last);
        let used: u32 = account.freeing("5/1h".parse().unwrap(), last).iter().map(|(_, count)| count).sum();
        assert_eq!((account.sharers().count(), used), (1, 5));
    }

    #[test]
    fn a_run_is_last_heard_of_when_it_last_asked() {
        let s = Duration::from_secs;
        let run = Sharer { id: 1, ..Sharer::new(vec!["5/1s".parse().unwrap()], s(30)) };
        let (mut member, mut account) = (Member::new(run, Spread::Burst), Account::default());
        member.join(&mut account, s(1));
        member.exchange(&mut account, &Request::default(), s(100));
        let at = |at| Stamp { boot: "a".to_owned(), at, wall: Timestamp::UNIX_EPOCH };
        let account = Account::read(account.to_line(&at(s(200))).as_bytes(), &at(s(200))).unwrap();
        assert!(account.is_presumed_alive(1, s(131)) && !account.is_presumed_alive(1, s(132)));
        assert!(!account.is_presumed_alive(2, s(100)));
    }

    #[test]
    fn a_state_that_is_damaged_or_gone_is_taken_for_full_windows() {
        type Change = fn(&Path);
        let changes: [Change; 4] = [
            |path| File::create(path).unwrap().write_all(b"garbage").unwrap(),
            |path| File::options().write(true).open(path).unwrap().set_len(40).unwrap(),
            |path| File::create(path).map(drop).unwrap(),
            |path| fs::remove_file(path).unwrap(),
        ];
        for change in changes {
            let state = tempfile::tempdir().unwrap();
            let (a, _) = join(state.path(), 1);
            a.leave(&[]).unwrap();
            change(&folder(state.path()).join("budget"));
            let (mut b, _) = join(state.path(), 2);
            let answer = take(&mut b, 1);
            let Some(Wait::Until(until)) = answer.wait else { panic!("{answer:?}") };
            assert!(answer.granted == 0 && until >= USUAL_TIMEOUT + Duration::from_secs(3600), "{answer:?}");
        }
    }

    /// Written by the program before a state said when a run was last heard of, and killed with 25 slots in use.
    #[test]
    fn a_state_of_an_older_program_is_continued() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1-budget");
        let old = fs::read(&path).unwrap();
        let at = Duration::from_secs(2010);
        let then = Stamp { boot: "f662bc51-ed17-44ad-9141-4c1d6a5a36d4".to_owned(), at, wall: Timestamp::UNIX_EPOCH };
        let account = Account::read(&old, &then).unwrap();
        let run = account.sharers().next().unwrap();
        let of_now = loads_of(&account, &["25/5s".parse().unwrap()], &then);
        assert_eq!((run.name.as_str(), of_now[0].used(then.wall)), ("notes.csv", 25));
        let longest = Duration::from_secs(3600 + 30);
        assert!(account.is_presumed_alive(run.id, at) && !account.is_presumed_alive(run.id, at + longest));

        let state = tempfile::tempdir().unwrap();
        let (a, _) = join(state.path(), 1);
        a.leave(&[]).unwrap();
        fs::copy(path, folder(state.path()).join(BUDGET)).unwrap();
        let (b, others) = join(state.path(), 2);
        assert!(others.is_empty(), "the run is dead, since it has no file");
        b.leave(&[]).unwrap();
    }

    #[test]
    fn after_an_error_nothing_more_is_granted_and_nothing_forgotten() {
        let state = tempfile::tempdir().unwrap();
        let (mut a, _) = join(state.path(), 1);
        assert_eq!(take(&mut a, 4).granted, 4);
        // A folder in the place of the state.
        let (budget, away) = (folder(state.path()).join(BUDGET), folder(state.path()).join("away"));
        fs::rename(&budget, &away).and_then(|()| fs::create_dir(&budget)).unwrap();
        let request = Request { ended: vec![(Ended::Answered, Duration::ZERO)], want: Some(1), ..Request::default() };
        Budget::exchange(&mut a, &request, Duration::ZERO).unwrap_err();
        fs::remove_dir(&budget).and_then(|()| fs::rename(&away, &budget)).unwrap();
        Budget::exchange(&mut a, &request, Duration::ZERO).unwrap_err();
        a.leave(&[]).unwrap();
        let (mut b, _) = join(state.path(), 2);
        assert_eq!(take(&mut b, 5).granted, 1);
    }

    #[cfg(unix)]
    #[test]
    fn all_of_it_is_for_its_owner_only() {
        use std::os::unix::fs::MetadataExt;

        let state = tempfile::tempdir().unwrap();
        let (_a, _) = join(state.path(), 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder(state.path())), 0o700);
        for entry in fs::read_dir(folder(state.path())).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    /// Threads of one process: each has its own file handles, and so its own locks.
    #[test]
    fn many_at_once_never_take_more_than_there_is() {
        let state = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        fs::set_permissions(state.path(), std::os::unix::fs::PermissionsExt::from_mode(0o2770)).unwrap();
        let granted: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|id| {
                    let path = state.path();
                    scope.spawn(move || {
                        let (mut budget, _) = join(path, id);
                        (0..20).map(|_| take(&mut budget, 1).granted).sum::<u32>()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 5);
    }
}

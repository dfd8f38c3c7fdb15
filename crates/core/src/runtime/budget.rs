//! The budget that the runs of an account share, in a folder of this machine. The state is a small file that
//! is replaced atomically. A lock is held while a run changes the state. Each run keeps a file of its own
//! locked while it is alive; the system releases that lock when the process ends for any reason.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Clock;
use super::platform::{LockHolder, lock_holder, lock_through_signals};
use super::state::{AccountFolder, Durability, Life, StateChoice, StateError, StateFolder, account_path};
use crate::budget::{Budget, BudgetError, Ended, Grant, Request, Wait};
use crate::doctor::BudgetState;
use crate::limit::Limit;
use crate::limiter::{Account, Member, Sharer, Stamp, Unreadable};
use crate::schedule::Load;

/// Why a run cannot share its account's budget.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharingError {
    /// There is no state folder.
    #[error("no state folder for the budget that the account's runs share: neither XDG_STATE_HOME nor HOME is set")]
    NoStateFolder,
    /// The folder that the ledger's last run used does not exist.
    #[error("the state folder {} that this ledger's last run used does not exist", .0.display())]
    Gone(PathBuf),
    /// Two state folders have a budget for the account.
    #[error(
        "the account has a budget in two state folders, {} and {}; runs that use different ones can exceed the limit together",
        shared.display(), personal.display()
    )]
    Two {
        /// The shared one.
        shared: PathBuf,
        /// The user's own.
        personal: PathBuf,
        /// The account's folder in the user's own folder.
        account: PathBuf,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    Folder(#[from] StateError),
    /// The state cannot be read or written.
    #[error("the account's budget in {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The folder of the budget.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The state was written by a newer version in an unknown format.
    #[error("the account's budget {}: {source}", path.display())]
    Newer {
        /// The path of the state.
        path: PathBuf,
        /// The error.
        source: Unreadable,
    },
    /// A bug in this program.
    #[error("the thread for the account's budget ended unexpectedly")]
    Panicked,
}

/// Maximum size of the state in bytes. Only a damaged state is longer.
const LONGEST_STATE: u64 = 16 << 20;

/// A run's membership in its account's budget.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    folder: Folder,
    lock: File,
    member: Member,
    clock: Clock,
    /// The time until which all slots count as used, as last logged.
    full_to: Option<Duration>,
    /// Set by an error. Nothing is written after it; the account keeps the slots of this run until the run is
    /// found dead.
    poisoned: bool,
    /// Locked while this run is alive.
    _alive: File,
}

impl SharedBudget {
    /// Joins the other runs of the account and returns them. Waits as long as another process holds the lock.
    ///
    /// `unknown` is the longest timeout of requests that may have been sent until now without being counted
    /// in this budget, or `None`.
    pub(crate) fn join(
        folder: Folder,
        mut member: Member,
        clock: Clock,
        unknown: Option<Duration>,
    ) -> Result<(Self, Vec<Sharer>), SharingError> {
        let lock = folder.0.append(LOCK).map_err(folder.failed("locked"))?;
        let locked = Locked::on(&lock).map_err(folder.failed("locked"))?;
        let stamp = clock.stamp();
        let mut account = folder.load(&lock, &stamp, member.run().timeout)?;
        // Under the lock, because a run file that is not locked counts as a dead run's and is removed.
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

    /// Leaves the budget and returns the slots of `ended`. Slots that the run still holds count as attempts
    /// that end now.
    pub(crate) fn leave(mut self, ended: &[(Ended, Duration)]) -> Result<(), SharingError> {
        if self.poisoned {
            return Ok(());
        }
        let locked = Locked::on(&self.lock).map_err(self.folder.failed("locked"))?;
        let (elapsed, stamp) = self.clock.both();
        let ended = on_account_clock(ended, elapsed, stamp.at);
        let mut account = self.folder.load(&self.lock, &stamp, self.member.run().timeout)?;
        self.member.leave(&mut account, &ended, stamp.at);
        self.folder.store(&account, &stamp, Durability::Name).map_err(self.folder.failed("written"))?;
        // If it cannot be removed, the next run removes it.
        self.folder.0.remove(&alive(self.member.run().id)).ok();
        drop(locked);
        Ok(())
    }

    fn exchange(&mut self, request: &Request) -> Result<Grant, SharingError> {
        let locked = Locked::on(&self.lock).map_err(self.folder.failed("locked"))?;
        // Read after locking, because waiting for the lock takes time.
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
            // A run that replaced the state meanwhile had read this one, so syncing the directory makes this
            // or a later state durable.
            self.folder.0.sync().map_err(self.folder.failed("synced"))?;
        }
        let wait = answer.wait.map(|wait| match wait {
            Wait::Until(until) => Wait::Until(elapsed + until.saturating_sub(stamp.at)),
            Wait::UntilOneEnds => Wait::UntilOneEnds,
        });
        Ok(Grant { wait, ..answer })
    }

    /// Logs why nothing is sent while the recent requests are unknown. Each run logs it: the run that found
    /// the damage may have ended, and after a restart of the machine there is no damage to find.
    fn say_if_full(&mut self, account: &Account, stamp: &Stamp) {
        let limits = &self.member.run().limits;
        let full_to = limits.iter().filter_map(|limit| account.full_to(limit.window(), stamp.at)).max();
        if full_to > self.full_to {
            self.full_to = full_to;
            let left = full_to.unwrap_or_default().saturating_sub(stamp.at);
            let until = stamp.wall.checked_add(left).unwrap_or(Timestamp::MAX);
            tracing::warn!(
                %until,
                "the account's recent requests are unknown, because its budget was lost, the machine restarted during a run, or \
                 a batch came from another state folder; sending starts when every slot that they may use is free again"
            );
        }
    }
}

impl Budget for SharedBudget {
    fn exchange(&mut self, request: &Request, _: Duration) -> Result<Grant, BudgetError> {
        if self.poisoned {
            return Err(BudgetError("the account's budget could not be saved".to_owned()));
        }
        let result = Self::exchange(self, request);
        self.poisoned = result.is_err();
        result.map_err(|error| BudgetError(error.to_string()))
    }
}

/// Returns how much of `limits` the runs of the account `target` use; `None` if nothing is known about the
/// account.
///
/// `timeout` is the assumed maximum timeout of requests that are not recorded.
pub(crate) fn loads(state: &StateChoice, target: &str, limits: &[Limit], timeout: Duration) -> Option<Vec<Load>> {
    let lost = || {
        let stamp = Clock::start().stamp();
        Some(loads_of(&of_lost_state(&stamp, timeout), limits, &stamp))
    };
    match glance(&state.path, target, limits).1 {
        // The state there does not include what was sent before.
        _ if state.is_moved() => lost(),
        BudgetState::Known { loads, .. } => Some(loads),
        BudgetState::Lost(_) => lost(),
        BudgetState::NotCreated | BudgetState::Unusable(_) => None,
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

/// Returns the path and state of the budget of the account `target`, for a reader outside the budget. Takes
/// no lock: the state is replaced atomically, and a run locks its own file before the state names it.
pub(crate) fn glance(state: &Path, target: &str, limits: &[Limit]) -> (PathBuf, BudgetState) {
    let stamp = Clock::start().stamp();
    let account = StateFolder::open_existing(state)
        .and_then(|state| state.map_or(Ok(None), |state| state.existing_account(target)));
    let folder = match account {
        Ok(Some(account)) => Folder::of(account),
        Ok(None) => return (account_path(state, target), BudgetState::NotCreated),
        Err(error) => return (account_path(state, target), BudgetState::Unusable(error.to_string())),
    };
    let kept = match folder.read(&stamp) {
        Ok(Ok(account)) => {
            let runs = account.sharers().filter(|run| folder.is_alive(&account, run.id, stamp.at)).cloned().collect();
            BudgetState::Known { runs, loads: loads_of(&account, limits, &stamp) }
        }
        Ok(Err(damaged @ Unreadable::Damaged(_))) => BudgetState::Lost(damaged.to_string()),
        Ok(Err(newer)) => BudgetState::Unusable(newer.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match folder.0.open_read(LOCK).and_then(|lock| lock.metadata()) {
                Ok(lock) if lock.len() > 0 => BudgetState::Lost("it is gone".to_owned()),
                _ => BudgetState::NotCreated,
            }
        }
        Err(error) => BudgetState::Unusable(error.to_string()),
    };
    (folder.path().to_owned(), kept)
}

/// Converts times since the start of the run to the account's clock. `elapsed` was read before `at`, and the
/// account's clock includes suspension, so no result is earlier than the actual time.
fn on_account_clock(ended: &[(Ended, Duration)], elapsed: Duration, at: Duration) -> Vec<(Ended, Duration)> {
    ended.iter().map(|(how, then)| (*how, at.saturating_sub(elapsed.saturating_sub(*then)))).collect()
}

/// Holds the lock of the account's state.
struct Locked<'a>(&'a File);

impl<'a> Locked<'a> {
    fn on(file: &'a File) -> io::Result<Self> {
        lock_through_signals(file).map(|()| Self(file))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // If unlocking fails, closing the file releases the lock.
        self.0.unlock().ok();
    }
}

/// Marks in the lock file that a state has been written. A state that is missing afterwards was lost.
fn mark_begun(mut lock: &File) -> io::Result<()> {
    if lock.metadata()?.len() == 0 { lock.write_all(b"begun\n") } else { Ok(()) }
}

const BUDGET: &str = "budget";
const LOCK: &str = "lock";

/// The name of the file that a run keeps locked while it is alive.
fn alive(id: u64) -> String {
    format!("run-{id:016x}")
}

/// The folder of an account, with the operations of its budget.
#[derive(Debug, Clone)]
pub(crate) struct Folder(Arc<AccountFolder>);

impl Folder {
    pub(crate) fn of(account: AccountFolder) -> Self {
        Self(Arc::new(account))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the process that holds the lock, and what it posts, if known.
    pub(crate) fn holder(&self, stamp: &Stamp) -> Option<(u32, Option<String>)> {
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

    /// Reads the state, converted to the clock of `stamp`. If it is damaged or lost, all windows count as
    /// full.
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

    /// Creates the file whose lock shows that the run is alive, and locks it.
    fn create_alive(&self, id: u64) -> io::Result<File> {
        let file = self.0.create_exclusive(&alive(id))?;
        file.try_lock()?;
        Ok(file)
    }

    /// Whether a run of the account is alive. If its file cannot be checked, a run counts as alive for the
    /// time that its last operation allows.
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

    /// Removes the files of dead runs that the state no longer names, and unfinished files. Errors are
    /// ignored, because these files do no harm.
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

/// Requests of other runs may be in flight for the length of their timeouts, which are unknown; this run's
/// own is the best guess.
fn of_lost_state(stamp: &Stamp, timeout: Duration) -> Account {
    Account::unknown(stamp.at + timeout.max(USUAL_TIMEOUT))
}

/// The usual timeout for a reply.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;

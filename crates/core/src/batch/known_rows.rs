//! Finds rows to send that other ledgers of the account know as posted or in doubt, or that other runs are about to
//! send.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use super::job_file::JobFile;
use super::known_ledger::KnownLedger;
use super::ledgers;
use super::registry::{FileRegistry, NamedLedger, OwnClaim, RegistryLock, Remembering};
use super::registry_error::RegistryError;
use super::run_request::{Access, RunRequest};
use crate::job::{Job, Key, KeyMap};
use crate::known::{Candidates, Look, legacy_key, look};
use crate::ledger::{Batch, JobState};
use crate::planning::ReadSummary;
use crate::planning::{JobFileError, ReadPolicy, for_each_to_do, skip_known};
use crate::runtime::budget::SharingError;
use crate::runtime::platform::is_locked;
use crate::runtime::state::StateFolder;
use crate::settings::OnKnown;

/// What is known about the rows that a run would send.
#[derive(Debug)]
pub(super) struct KnownRows {
    registry: FileRegistry,
    candidates: Candidates,
    named: bool,
    pub(super) ledgers: Vec<KnownLedger>,
    /// Rows that the run's own ledger knew before an older copy took its place.
    pub(super) restored: u64,
    /// Ledgers that cannot be read and may know more rows, with the reasons.
    pub(super) unreadable: Vec<(NamedLedger, String)>,
}

impl KnownRows {
    /// Compares the rows to do in `jobs` for the first time. They are claimed when the run begins.
    pub(super) fn look(
        run_request: &RunRequest,
        access: Access,
        batch: &Batch,
        jobs: &JobFile,
        named: bool,
    ) -> Result<Self, Error> {
        let job_states = &batch.job_states;
        let registry = registry(run_request, access, batch)?;
        let candidates = Candidates::default();
        let mut this = Self { registry, candidates, named, ledgers: Vec::new(), restored: 0, unreadable: Vec::new() };
        let unusable = jobs.unusable();
        let whole_ask = ReadPolicy { first: None, ..run_request.policy.clone() };
        if access == Access::Look && !this.registry.sees_any() {
            return Ok(this);
        }
        this.candidates = Candidates::new(this.keys_of(jobs, &whole_ask, job_states, false).map_err(&unusable)?);
        let found = this.compare(run_request, job_states)?;
        let found = if named && this.registry.has_legacy {
            // Their names and tickets are needed too.
            this.candidates = Candidates::new(this.keys_of(jobs, &whole_ask, job_states, true).map_err(&unusable)?);
            this.registry.forget();
            this.compare(run_request, job_states)?
        } else {
            found
        };
        if access == Access::Post {
            refuse_in_use(&found, &this.registry)?;
        }
        this.unreadable = found.unreadable;
        let own = found.known.iter().find(|known| this.registry.is_itself(&known.ledger));
        this.restored = own.map_or(0, |known| known.found.rows);
        this.ledgers = found
            .known
            .into_iter()
            .map(|known| KnownLedger {
                path: known.ledger.path,
                rows: known.found.rows,
                dates: known.found.dates,
                other_content: known.other_content,
            })
            .collect();
        Ok(this)
    }

    /// The keys by which others know the rows that `policy` sends. With `legacy`, also the keys from name and ticket.
    fn keys_of(
        &self,
        jobs: &JobFile,
        policy: &ReadPolicy,
        job_states: &KeyMap<JobState>,
        legacy: bool,
    ) -> Result<Vec<Key>, JobFileError> {
        if !self.named && policy.first.is_none() {
            // The keys of the rows themselves.
            let to_send = job_states.iter().filter(|(_, job_state)| job_state.is_met() && policy.sends(job_state));
            return Ok(to_send.map(|(key, _)| *key).collect());
        }
        let mut keys = Vec::with_capacity(jobs.most_rows());
        for_each_to_do(&mut jobs.rows(), policy, job_states, |job| {
            keys.push(job.content_key());
            if legacy {
                keys.push(legacy_key(job.key, &job.ticket));
            }
        })?;
        Ok(keys)
    }

    fn compare(
        &mut self,
        run_request: &RunRequest,
        job_states: &KeyMap<JobState>,
    ) -> Result<Look<NamedLedger>, RegistryError> {
        let (named, policy) = (self.named, &run_request.policy);
        let is_ours = |name: Key| {
            named && job_states.get(&name).is_some_and(|ours| ours.is_met() && policy.is_to_do(ours.outcome()))
        };
        look(&mut self.registry, &mut self.candidates, run_request.known_since_s, &is_ours)
    }

    /// Number of rows to do that other ledgers know.
    pub(super) fn rows(&self) -> u64 {
        self.candidates.known()
    }

    fn is_known(&self, job: &Job) -> bool {
        self.candidates.is_known(job.content_key())
            || (self.registry.has_legacy && self.candidates.is_known(legacy_key(job.key, &job.ticket)))
    }

    /// Leaves out the known rows. Returns whether there were any.
    pub(super) fn skip(
        &self,
        jobs: &JobFile,
        policy: &ReadPolicy,
        job_states: &mut KeyMap<JobState>,
        read_summary: &mut ReadSummary,
    ) -> Result<bool, JobFileError> {
        if self.rows() == 0 {
            return Ok(false);
        }
        Ok(skip_known(&mut jobs.rows(), policy, |job| self.is_known(job), job_states, read_summary)? > 0)
    }

    /// Acquires the registry's lock if it is free.
    pub(super) fn try_lock(&self) -> Result<Option<RegistryLock>, RegistryError> {
        self.registry.try_lock()
    }

    /// Compares again under the lock, so that nothing can change, and claims the rows that will be sent.
    ///
    /// If another run has posted some of them since the first look, or is about to, nothing is claimed.
    pub(super) fn claim(
        mut self,
        lock: &RegistryLock,
        run_request: &RunRequest,
        jobs: &JobFile,
        job_states: &KeyMap<JobState>,
    ) -> Result<Claimed, Error> {
        let found = self.compare(run_request, job_states)?;
        refuse_in_use(&found, &self.registry)?;
        let new: u64 = found.known.iter().map(|known| known.found.new).sum();
        if new > 0 && run_request.policy.known != OnKnown::Post {
            let ledger = found.known.into_iter().find(|known| known.found.new > 0).map(|known| known.ledger.path);
            return Err(Error::BecameKnown { rows: new, ledger: ledger.unwrap_or_default() });
        }
        if let Some((ledger, why)) = found.unreadable.into_iter().next()
            && run_request.policy.known == OnKnown::Skip
        {
            return Err(unreadable_ledger(ledger, why));
        }
        self.registry.remove_dead_claims(lock)?;
        let mut keys = self.keys_of(jobs, &run_request.policy, job_states, false).map_err(jobs.unusable())?;
        keys.sort_unstable();
        let claim = self.registry.claim(&keys, lock)?;
        Ok(Claimed { registry: self.registry, claim })
    }
}

/// Returns the registry of the account for the run of `run_request`.
fn registry(run_request: &RunRequest, access: Access, batch: &Batch) -> Result<FileRegistry, Error> {
    let target = run_request.policy.identity.account();
    let account = match run_request.state.choose(target) {
        // Runs that share nothing still have the ledgers in a folder.
        Err(SharingError::NoStateFolder) => None,
        // `Prepared::refusal` reports this error.
        Err(_) if access == Access::Look => None,
        Err(error) => return Err(error.into()),
        Ok(choice) => match access {
            Access::Post => Some(choice.open()?.account(target).map_err(SharingError::Folder)?),
            Access::Look => StateFolder::open_existing(&choice.path)
                .and_then(|folder| folder.map_or(Ok(None), |folder| folder.existing_account(target)))
                .ok()
                .flatten(),
        },
    };
    let of = (run_request.request_template.target().name().to_owned(), target.to_owned());
    let found = ledgers::others(run_request)?;
    let own = (run_request.ledger.as_path(), batch.header.id);
    Ok(FileRegistry::new(account, of, own, &found, access == Access::Post).salvaged_from(&batch.salvaged_from))
}

pub(super) fn unreadable_ledger(ledger: NamedLedger, why: String) -> Error {
    let is_listed = ledger.is_listed();
    Error::KnownUnreadable { path: ledger.path, why, is_listed }
}

fn refuse_in_use(found: &Look<NamedLedger>, registry: &FileRegistry) -> Result<(), Error> {
    let by_claim = found.in_use.first().map(|run| (run.ledger.path.clone(), run.rows));
    // This finds runs of a version without claims, and runs with another state folder; a claim contains everything that
    // its run sends. The path of this run's own ledger is excluded: its lock is this run's, whatever ledger was there
    // before.
    let is_in_use = |ledger: &NamedLedger| {
        !registry.is_own(&ledger.path) && !found.live.contains(ledger) && is_locked(&ledger.path)
    };
    let by_ledger = || found.known.iter().find(|known| known.found.rows > 0 && is_in_use(&known.ledger));
    let in_use = by_claim.or_else(|| by_ledger().map(|known| (known.ledger.path.clone(), known.found.rows)));
    in_use.map_or(Ok(()), |(ledger, rows)| Err(Error::RowsInUse { ledger, rows }))
}

/// The rows that a run has claimed, until their outcomes are durable.
#[derive(Debug)]
pub(super) struct Claimed {
    registry: FileRegistry,
    claim: Option<OwnClaim>,
}

impl Claimed {
    /// Records that the run's ledger exists and contains the run. Durable on return. Nothing may be sent before.
    pub(super) fn begun(&mut self) -> Result<(), Error> {
        begun(&self.registry, self.claim.as_mut())
    }

    /// Releases the rows, whose outcomes must be durable. Returns `false` if the registry's lock is taken. If a claim
    /// is not released, other runs find that its run has ended and read the run's ledger.
    pub(super) fn try_release(&self) -> bool {
        try_release(&self.registry, self.claim.as_ref())
    }
}

/// From then on, the index includes the run's record, so an older copy of the ledger is recognized.
fn begun(registry: &FileRegistry, claim: Option<&mut OwnClaim>) -> Result<(), Error> {
    let Some(claim) = claim else { return Ok(()) };
    registry.note_own()?;
    claim.begun().map_err(Error::Claim)
}

fn try_release(registry: &FileRegistry, claim: Option<&OwnClaim>) -> bool {
    let Some(claim) = claim else { return true };
    let released = match registry.try_lock() {
        Ok(None) => return false,
        Ok(Some(lock)) => registry.release(claim, &lock),
        Err(error) => Err(error),
    };
    if let Err(error) = released {
        tracing::warn!(%error, "this run's claim on its rows was not released; the next run detects that this run has ended");
    }
    true
}

/// The rows that a run that follows a stream has claimed so far. The thread that reads the stream claims rows and may
/// wait for input forever; the run's task releases the claim.
#[derive(Debug, Clone)]
pub(super) struct FollowClaims(Arc<Mutex<Option<Followed>>>);

#[derive(Debug)]
struct Followed {
    registry: Remembering,
    claim: Option<OwnClaim>,
    on_known: OnKnown,
    since_s: u32,
}

impl FollowClaims {
    /// Lists the run's ledger with an empty claim. Durable on return. Returns `None` if the registry's lock is taken.
    pub(super) fn try_begin(run_request: &RunRequest, batch: &Batch) -> Result<Option<Self>, Error> {
        let mut registry = registry(run_request, Access::Post, batch)?;
        let Some(lock) = registry.try_lock()? else { return Ok(None) };
        registry.remove_dead_claims(&lock)?;
        let claim = registry.claim(&[], &lock)?;
        drop(lock);
        let registry = Remembering::new(registry);
        let followed =
            Followed { registry, claim, on_known: run_request.policy.known, since_s: run_request.known_since_s };
        Ok(Some(Self(Arc::new(Mutex::new(Some(followed))))))
    }

    /// See [`Claimed::begun`].
    pub(super) fn begun(&self) -> Result<(), Error> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(Followed { registry, claim, .. }) => begun(&registry.registry, claim.as_mut()),
            None => Ok(()),
        }
    }

    /// Claims a row that is about to be sent; returns `false` if it is known and must be left out.
    ///
    /// # Errors
    ///
    /// If the row is known, or claimed by another run. The stream must not be followed any further then.
    pub(super) fn claim(&self, job: &Job) -> Result<bool, Error> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(followed) => followed.claim(job),
            // The run has ended and takes no more rows.
            None => Ok(false),
        }
    }

    /// See [`Claimed::try_release`]. Also returns `false` while a row is being claimed.
    pub(super) fn try_release(&self) -> bool {
        let Ok(mut followed) = self.0.try_lock() else { return false };
        let released = followed.as_ref().is_none_or(|ours| try_release(&ours.registry.registry, ours.claim.as_ref()));
        if released {
            *followed = None;
        }
        released
    }
}

impl Followed {
    fn claim(&mut self, job: &Job) -> Result<bool, Error> {
        let _lock = self.registry.registry.lock()?;
        let key = job.content_key();
        let mut candidates = Candidates::new(vec![key, legacy_key(job.key, &job.ticket)]);
        let found = look(&mut self.registry, &mut candidates, self.since_s, &|_| false)?;
        refuse_in_use(&found, &self.registry.registry)?;
        let unreadable = found.unreadable.into_iter().next().filter(|_| self.on_known != OnKnown::Post);
        if let Some((ledger, why)) = unreadable {
            return Err(unreadable_ledger(ledger, why));
        }
        if candidates.known() > 0 {
            match self.on_known {
                OnKnown::Post => {}
                OnKnown::Skip => return Ok(false),
                OnKnown::Refuse => return Err(Error::KnownInStream { row: job.position.record }),
            }
        }
        if let Some(claim) = &mut self.claim {
            claim.add(&[key]).map_err(Error::Claim)?;
        }
        Ok(true)
    }
}

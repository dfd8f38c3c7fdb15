//! The thread that accesses the budget shared by runs. It is separate because another process may hold the lock for a
//! while, and the state may have to be synced.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::budget::{Folder, SharedBudget, SharingError};
use super::clock::Clock;
use crate::budget::{Budget, BudgetError, Ended, Grant, Request};
use crate::limiter::{Limiter, Member, Sharer};

/// Where the slots of a run come from.
#[derive(Debug)]
pub(crate) enum SlotSource {
    /// The run has a budget of its own.
    Own(Box<Limiter>),
    Shared(BudgetClient),
}

/// Sends requests to the budget's thread, one at a time. Whatever arrives meanwhile goes into the next request.
#[derive(Debug)]
pub(crate) struct BudgetClient {
    requests: mpsc::Sender<Request>,
    answers: mpsc::Receiver<Result<Grant, BudgetError>>,
    busy: bool,
    joined: oneshot::Receiver<Result<Vec<Sharer>, SharingError>>,
    vigil: LockWaitNotice,
}

/// Maximum time that the end of a run waits for the budget: another process may be stopped while it holds the lock.
/// Slots not returned by then are recovered after this process has ended.
const PATIENCE: Duration = Duration::from_secs(2);

impl BudgetClient {
    /// Starts joining the other runs of the account. `unknown` is as in [`SharedBudget::join`].
    ///
    /// # Errors
    ///
    /// If the system provides no thread.
    pub(crate) fn start(folder: Folder, member: Member, clock: Clock, unknown: Option<Duration>) -> io::Result<Self> {
        let (requests, mut to_do) = mpsc::channel::<Request>(1);
        let (answered, answers) = mpsc::channel(1);
        let (tell, joined) = oneshot::channel();
        let vigil = LockWaitNotice { folder: folder.clone(), clock, next: SOON };
        std::thread::Builder::new().spawn(move || {
            let mut unheard = Vec::new();
            let mut budget = match SharedBudget::join(folder, member, clock, unknown) {
                Ok((budget, with)) => {
                    // If the run has ended meanwhile, it makes no requests, and the budget is left again.
                    let _receiver_gone = tell.send(Ok(with));
                    budget
                }
                Err(error) => {
                    let _receiver_gone = tell.send(Err(error));
                    return;
                }
            };
            while let Some(request) = to_do.blocking_recv() {
                let answer = budget.exchange(&request, clock.now().elapsed);
                let granted = answer.as_ref().map_or(0, |answer| answer.granted);
                if answered.blocking_send(answer).is_err() {
                    // The run has ended without learning of these slots.
                    unheard = vec![(Ended::NotSent, clock.now().elapsed); granted as usize];
                    break;
                }
            }
            if let Err(error) = budget.leave(&unheard) {
                tracing::warn!(%error, "the slots of this run could not be returned to the account's budget; the next run waits for them");
            }
            drop(answered);
        })?;
        Ok(Self { requests, answers, busy: false, joined, vigil })
    }

    /// Waits until the budget has been joined; returns the other runs. Call it once.
    pub(crate) async fn joined(&mut self) -> Result<Vec<Sharer>, SharingError> {
        self.vigil.over(&mut self.joined).await.unwrap_or(Err(SharingError::Panicked))
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Starts an exchange.
    pub(crate) fn ask(&mut self, request: Request) {
        debug_assert!(!self.busy, "one request at a time");
        self.busy = true;
        self.vigil.begin();
        if let Err(error) = self.requests.try_send(request) {
            // The thread has panicked: `answered` returns an error.
            tracing::error!(%error, "the thread for the account's budget ended unexpectedly");
        }
    }

    /// Waits for the answer. Cancel-safe.
    pub(crate) async fn answered(&mut self) -> Result<Grant, BudgetError> {
        let answer = self.vigil.over(self.answers.recv()).await;
        self.busy = false;
        let gone = || Err(BudgetError("the thread for the account's budget ended unexpectedly".to_owned()));
        answer.unwrap_or_else(gone)
    }

    /// Returns the slots of these attempts and leaves the budget.
    pub(crate) async fn finish(mut self, mut ended: Vec<(Ended, Duration)>) {
        let leaving = async {
            if self.busy
                && let Ok(Grant { granted, .. }) = self.answered().await
            {
                ended.extend((0..granted).map(|_| (Ended::NotSent, Duration::ZERO)));
            }
            if !ended.is_empty() {
                self.ask(Request { ended, ..Request::default() });
            }
            let Self { requests, mut answers, .. } = self;
            drop(requests);
            while answers.recv().await.is_some() {}
        };
        if tokio::time::timeout(PATIENCE, leaving).await.is_err() {
            tracing::warn!("the account's budget is locked by a suspended process; the next run waits longer");
        }
    }
}

/// The budget is available within milliseconds, unless another process is stopped while it holds the lock.
const SOON: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Logs a warning when the budget takes long.
#[derive(Debug)]
struct LockWaitNotice {
    folder: Folder,
    clock: Clock,
    /// Time of the next warning, since the start of the run.
    next: Duration,
}

impl LockWaitNotice {
    fn begin(&mut self) {
        self.next = self.next.max(self.clock.now().elapsed + SOON);
    }

    /// Awaits `waiting` and logs warnings meanwhile. Cancel-safe if `waiting` is.
    async fn over<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        loop {
            if let Ok(result) = tokio::time::timeout_at(self.clock.at(self.next), &mut waiting).await {
                return result;
            }
            self.say();
            self.next = self.clock.now().elapsed + SAY_AGAIN;
        }
    }

    fn say(&self) {
        match self.folder.holder(&self.clock.stamp()) {
            Some((pid, name)) => {
                let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
                tracing::warn!(
                    process = pid,
                    "waiting for the account's budget, locked by process {pid}{name}; if that process is suspended, resume or end it"
                );
            }
            None => {
                tracing::warn!(folder = %self.folder.path().display(), "waiting for the account's budget, which is locked or on a slow disk");
            }
        }
    }
}

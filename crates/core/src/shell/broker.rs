//! The thread that has to do with the budget that runs share: another process may hold its lock for a while, and its
//! state may have to be synced.

use std::time::Duration;

use tokio::sync::mpsc;

use super::budget::SharedBudget;
use super::clock::Clock;
use crate::budget::{Answer, Budget, BudgetError, Ended, Request};
use crate::limiter::Limiter;

/// Where a run's slots come from.
#[derive(Debug)]
pub(super) enum Purse {
    /// The run has the budget for itself.
    Own(Box<Limiter>),
    Shared(Broker),
}

/// Hands requests to the budget's thread, one at a time: what comes up meanwhile makes the next one.
#[derive(Debug)]
pub(super) struct Broker {
    requests: mpsc::Sender<Request>,
    answers: mpsc::Receiver<Result<Answer, BudgetError>>,
    busy: bool,
    /// Whether the run asked for slots, or only gave some back.
    asked: bool,
}

/// How long a run's end waits for the budget: another process may stand still while it holds the lock. What is not
/// given back then is found when this process has ended.
const PATIENCE: Duration = Duration::from_secs(2);

impl Broker {
    pub(super) fn start(mut budget: SharedBudget, clock: Clock) -> Self {
        let (requests, mut to_do) = mpsc::channel::<Request>(1);
        let (answered, answers) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut unheard = Vec::new();
            while let Some(request) = to_do.blocking_recv() {
                let answer = budget.exchange(&request, clock.now().elapsed);
                let granted = answer.as_ref().map_or(0, |answer| answer.granted);
                if answered.blocking_send(answer).is_err() {
                    // The run is gone, and has not heard of these.
                    unheard = vec![(Ended::NotSent, clock.now().elapsed); granted as usize];
                    break;
                }
            }
            if let Err(error) = budget.leave(&unheard) {
                tracing::warn!(%error, "the account's budget was not left in good order; the next run finds out");
            }
            drop(answered);
        });
        Self { requests, answers, busy: false, asked: false }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Begins an exchange.
    pub(super) fn ask(&mut self, request: Request) {
        debug_assert!(!self.busy, "one request at a time");
        self.busy = true;
        self.asked = request.want.is_some();
        if let Err(error) = self.requests.try_send(request) {
            // The thread has panicked: `answered` will say so.
            tracing::error!(%error, "the budget's thread is gone");
        }
    }

    /// What came of it; none where nothing was asked for. Cancel-safe.
    pub(super) async fn answered(&mut self) -> Result<Option<Answer>, BudgetError> {
        let answer = self.answers.recv().await;
        self.busy = false;
        let gone = || Err(BudgetError("the thread that keeps the account's budget is gone".to_owned()));
        answer.unwrap_or_else(gone).map(|answer| self.asked.then_some(answer))
    }

    /// Gives back what is left and leaves the budget.
    pub(super) async fn finish(mut self, mut rest: Request) {
        let leaving = async {
            if self.busy
                && let Ok(Some(Answer { granted, .. })) = self.answered().await
            {
                rest.ended.extend((0..granted).map(|_| (Ended::NotSent, Duration::ZERO)));
            }
            if !rest.ended.is_empty() {
                self.ask(Request { want: None, ..rest });
            }
            let Self { requests, mut answers, .. } = self;
            drop(requests);
            while answers.recv().await.is_some() {}
        };
        if tokio::time::timeout(PATIENCE, leaving).await.is_err() {
            tracing::warn!("the account's budget is locked by a process that stands still; the next run waits longer");
        }
    }
}

//! Executes the steps that the [driver](crate::driver) requests and waits for the next event. Makes no
//! decisions.

use std::time::Duration;

use tokio::sync::mpsc;

use super::committer::Committer;
use super::error::Error;
use super::feeder::Fed;
use crate::api::RequestTemplate;
use crate::budget::{Budget, BudgetError, Grant};
use crate::driver::{Driver, Left, Step};
use crate::engine::{Notice, Progress};
use crate::runtime::budget_client::SlotSource;
use crate::runtime::clock::Clock;
use crate::runtime::sender::Sender;
use crate::runtime::signals::Interrupts;
use crate::storage::Storage;

/// Maximum time between two observations, also during long pauses.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// An event for the observer of a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A notice of the engine.
    Notice(&'a Notice),
    /// The progress after a step, and the time since the run began.
    Progress(&'a Progress, Duration),
    /// Why no further row of a stream is posted, if known rows are the reason. The notice that the run stops
    /// follows.
    Refused(&'a Error),
}

/// The parts of a run.
pub(super) struct Drive<'a, S> {
    pub(super) driver: Driver,
    pub(super) sender: Sender,
    pub(super) slot_source: SlotSource,
    pub(super) committer: Committer<S>,
    pub(super) feed: mpsc::Receiver<Fed>,
    pub(super) interrupts: Interrupts,
    pub(super) clock: Clock,
    pub(super) request_template: RequestTemplate,
    pub(super) observe: &'a mut dyn FnMut(Observation<'_>),
}

impl<S: Storage + 'static> Drive<'_, S> {
    /// Runs to the end. The caller closes the slot source and the committer.
    pub(super) async fn run(&mut self) -> Left {
        loop {
            if let Some(left) = self.perform() {
                return left;
            }
            let now = self.clock.now().elapsed;
            (self.observe)(Observation::Progress(&self.driver.progress(), now));

            let wake = self.driver.wake_at().into_iter().fold(now + OBSERVE_EVERY, Duration::min);
            tokio::select! {
                // In this order: a reply that was read is processed before anything new begins.
                biased;
                Some(signal) = self.interrupts.recv() => self.driver.interrupted(signal, self.clock.now()),
                ends = self.sender.ended() => match ends {
                    Some((ends, at)) => self.driver.ended(ends, at),
                    // The sending thread has panicked.
                    None => self.driver.transport_lost(self.clock.now()),
                },
                answer = answered(&mut self.slot_source) => self.driver.answered(answer, self.clock.now()),
                result = self.committer.committed(), if self.committer.is_busy() => {
                    self.driver.committed(result, self.clock.now());
                }
                group = self.feed.recv(), if self.driver.wants_rows() => {
                    let Fed { events, refused } = group.unwrap_or_else(Fed::lost);
                    if let Some(error) = &refused {
                        (self.observe)(Observation::Refused(error));
                    }
                    self.driver.rows(events, self.clock.now());
                }
                () = tokio::time::sleep_until(self.clock.at(wake)) => {}
            }
            while let Some((ends, at)) = self.sender.ended_already() {
                self.driver.ended(ends, at);
            }
        }
    }

    /// Executes steps until the driver has to wait. Returns what is left once the run is over.
    fn perform(&mut self) -> Option<Left> {
        while let Some(step) = self.driver.next(self.clock.now()) {
            match step {
                Step::CutOff => self.sender.abandon(),
                Step::Notify(notice) => (self.observe)(Observation::Notice(&notice)),
                Step::Send(group) => {
                    self.sender
                        .send(group.into_iter().map(|(attempt, job)| (attempt, self.request_template.request(&job))));
                }
                Step::Exchange(request) => match &mut self.slot_source {
                    SlotSource::Own(limiter) => {
                        let answer = limiter.exchange(&request, self.clock.now().elapsed);
                        self.driver.answered(answer, self.clock.now());
                    }
                    SlotSource::Shared(budget_client) => budget_client.ask(request),
                },
                Step::Commit(group) => self.committer.commit(group),
                Step::Done(left) => return Some(left),
            }
        }
        None
    }
}

/// Waits for the answer to a pending budget request. Never returns if none is pending.
async fn answered(slot_source: &mut SlotSource) -> Result<Grant, BudgetError> {
    match slot_source {
        SlotSource::Shared(budget_client) if budget_client.is_busy() => budget_client.answered().await,
        _ => std::future::pending().await,
    }
}

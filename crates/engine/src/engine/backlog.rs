//! The jobs in memory: a bounded look-ahead into the input, in order within each ticket.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::messages::PendingJob;
use crate::job::{Job, Ticket};
use crate::outcome::Outcome;

/// A job's number in the input's order.
pub(super) type WorkId = u64;

/// A job in memory.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Arc<Job>,
    /// The row's state, including decisions that are not durable yet.
    pub(super) outcome: Outcome,
    /// Attempts made for it, over all runs.
    pub(super) attempts: u32,
    /// Attempts that count towards this run's maximum.
    pub(super) tries: u32,
    /// Attempts that do not count, because they were made in an outage.
    pub(super) outage_attempts: u32,
}

/// Jobs by place. Only the first job of each ticket can be ready; the others wait until it is finished.
#[derive(Debug)]
pub(super) struct Backlog {
    most: usize,
    works: BTreeMap<WorkId, Work>,
    by_ticket: HashMap<Ticket, VecDeque<WorkId>>,
    ready: BTreeSet<WorkId>,
    later: BinaryHeap<Reverse<(Duration, WorkId)>>,
    next: WorkId,
    text_bytes: usize,
}

/// Bounds the look-ahead for jobs with long texts.
const MOST_TEXT_BYTES: usize = 16 << 20;

impl Backlog {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            works: BTreeMap::new(),
            by_ticket: HashMap::new(),
            ready: BTreeSet::new(),
            later: BinaryHeap::new(),
            next: 0,
            text_bytes: 0,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.works.len() < self.most && self.text_bytes < MOST_TEXT_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    pub(super) fn push(&mut self, pending_job: PendingJob) {
        let place = self.next;
        self.next += 1;
        let queue = self.by_ticket.entry(pending_job.job.ticket.clone()).or_default();
        if queue.is_empty() {
            self.ready.insert(place);
        }
        queue.push_back(place);
        self.text_bytes += pending_job.job.text.len();
        let work = Work {
            job: Arc::new(pending_job.job),
            outcome: pending_job.outcome,
            attempts: pending_job.attempts,
            tries: 0,
            outage_attempts: 0,
        };
        self.works.insert(place, work);
    }

    /// The first ready job in the input's order; if none is ready at `now`, when the next one will be.
    pub(super) fn ready(&mut self, now: Duration) -> Result<WorkId, Option<Duration>> {
        while let Some(Reverse((due, place))) = self.later.peek()
            && *due <= now
        {
            self.ready.insert(*place);
            self.later.pop();
        }
        match self.ready.first() {
            Some(place) => Ok(*place),
            None => Err(self.later.peek().map(|Reverse((due, _))| *due)),
        }
    }

    /// The number of jobs that were ready at the last call of [`ready`](Self::ready).
    pub(super) fn ready_now(&self) -> usize {
        self.ready.len()
    }

    /// Takes a ready job to attempt it.
    pub(super) fn start(&mut self, place: WorkId) -> &mut Work {
        assert!(self.ready.remove(&place), "only ready jobs are attempted, one at a time for a ticket");
        self.get_mut(place)
    }

    pub(super) fn get_mut(&mut self, place: WorkId) -> &mut Work {
        self.works.get_mut(&place).expect("a job stays in memory until it is finished")
    }

    /// Refunds attempts of a job. No effect if this run has finished it.
    pub(super) fn refund(&mut self, place: WorkId, tries: u32) {
        if let Some(work) = self.works.get_mut(&place) {
            work.tries = work.tries.saturating_sub(tries);
        }
    }

    /// Returns a job for another attempt, not before `due`.
    pub(super) fn put_back(&mut self, place: WorkId, due: Duration) {
        self.later.push(Reverse((due, place)));
    }

    /// Finishes an attempted job: the next one of its ticket becomes ready.
    pub(super) fn finish(&mut self, place: WorkId) {
        let work = self.works.remove(&place).expect("a job is finished once");
        self.text_bytes -= work.job.text.len();
        let queue = self.by_ticket.get_mut(&work.job.ticket).expect("a job in memory is in its ticket's queue");
        assert_eq!(queue.pop_front(), Some(place), "rows of one ticket are attempted in order");
        match queue.front() {
            Some(next) => {
                self.ready.insert(*next);
            }
            None => {
                self.by_ticket.remove(&work.job.ticket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::fixtures::pending_job;

    const NOW: Duration = Duration::ZERO;

    fn long(row: u64) -> PendingJob {
        let mut pending_job = pending_job(row, row);
        pending_job.job.text = "x".repeat(1 << 20);
        pending_job
    }

    #[test]
    fn the_room_that_a_text_took_is_free_again_when_its_job_is_done() {
        let mut backlog = Backlog::new(1000);
        for row in 1..=16 {
            assert!(backlog.has_room());
            backlog.push(long(row));
        }
        for row in 17..=60 {
            assert!(!backlog.has_room(), "16 MiB are at hand");
            let first = backlog.ready(NOW).unwrap();
            backlog.start(first);
            backlog.finish(first);
            assert!(backlog.has_room(), "row {row} has the room of the first one");
            backlog.push(long(row));
        }
    }

    #[test]
    fn tries_are_taken_back_as_many_as_there_were_and_none_of_a_job_that_is_done() {
        let mut backlog = Backlog::new(10);
        backlog.push(pending_job(1, 1));
        let place = backlog.ready(NOW).unwrap();
        backlog.start(place).tries = 3;
        backlog.refund(place, 2);
        assert_eq!(backlog.get_mut(place).tries, 1);
        backlog.refund(place, 2);
        assert_eq!(backlog.get_mut(place).tries, 0);
        backlog.finish(place);
        backlog.refund(place, 1);
    }
}

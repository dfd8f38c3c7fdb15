//! The slots of one window.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Wait;
use crate::limit::Limit;

/// A window's places: each is free, held by an attempt, or comes free at a known time.
///
/// Invariant: `held + freeing.len() <= limit.count()`.
#[derive(Debug)]
pub(super) struct Slots {
    limit: Limit,
    /// Taken by attempts that have not ended.
    held: u32,
    /// When the slots of ended attempts come free.
    freeing: BinaryHeap<Reverse<Duration>>,
}

impl Slots {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, held: 0, freeing: BinaryHeap::new() }
    }

    /// Whether a slot is free at `now`, and if not, when to ask again.
    pub(super) fn room(&mut self, now: Duration) -> Result<(), Wait> {
        if self.used(now) < self.limit.count() {
            return Ok(());
        }
        match self.freeing.peek() {
            Some(Reverse(soonest)) => Err(Wait::Until(*soonest)),
            None => Err(Wait::UntilOneEnds),
        }
    }

    /// Takes a slot. There is one: `room` said so.
    pub(super) fn take(&mut self) {
        self.held += 1;
        assert!(self.held as usize + self.freeing.len() <= self.limit.count() as usize, "a slot was free");
    }

    /// Gives back a slot whose attempt may be counted until `end`, or never.
    pub(super) fn give_back(&mut self, end: Option<Duration>) {
        self.held = self.held.checked_sub(1).expect("a slot is given back once, by the attempt that took it");
        if let Some(end) = end {
            self.freeing.push(Reverse(end + self.limit.window() + self.limit.margin()));
        }
    }

    fn used(&mut self, now: Duration) -> u32 {
        while self.freeing.peek().is_some_and(|Reverse(free)| *free <= now) {
            self.freeing.pop();
        }
        self.held + self.freeing.len() as u32
    }
}

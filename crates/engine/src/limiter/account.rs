//! The shared state of an account's runs: each run's slots in use, and for each window when the slots of
//! ended attempts are freed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::past::Past;
use super::window::Window;
use crate::budget::Ended;
use crate::limit::{Limit, margin};

/// The state that the runs of one account share. Pure: `now` is on the account's clock. The caller stores the
/// state between two calls and ensures that only one run at a time changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// One window for each length among the runs' limits, shortest first.
    pub(super) windows: Vec<Window>,
    pub(super) past: Past,
    /// Unknown attempts may be counted until this time.
    pub(super) unknown_to: Option<Duration>,
    pub(super) holders: Vec<Holder>,
    /// The number of slots served to the holder served last. A run that is new or was away starts with this
    /// number.
    pub(super) turn: u64,
}

/// A run that shares a budget, as other runs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharer {
    /// A random number, since process ids are reused.
    pub id: u64,
    /// The process, shown to people.
    pub pid: u32,
    /// What it posts, shown to people.
    pub name: String,
    /// When it began.
    pub since: Timestamp,
    /// Its limits. All runs of the account keep them while this run is alive.
    pub limits: Vec<Limit>,
    /// How long its requests may still be in transit after their attempts ended.
    pub timeout: Duration,
}

/// A run and its use of the budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) run: Sharer,
    /// The slots of its attempts in flight.
    pub(super) held: u32,
    /// The number of slots served to it, for taking turns.
    pub(super) served: u64,
    /// The slots it waits for.
    pub(super) wish: Option<Wish>,
    /// When it last accessed the budget.
    pub(super) seen: Duration,
}

/// A holder's request for `count` slots. Others leave it its share between `from` and `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) count: u32,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// The offsets between two clocks, to be added to times on the old one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// For windows that outlast a restart of the machine.
    pub(super) long_ns: i128,
    /// For shorter ones.
    pub(super) short_ns: i128,
}

fn shifted(time: Duration, by_ns: i128) -> Duration {
    let ns = i128::try_from(time.as_nanos()).unwrap_or(i128::MAX).saturating_add(by_ns);
    Duration::from_nanos(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
}

/// Windows of this length or longer outlast a restart of the machine.
const LONG: Duration = Duration::from_secs(60);
/// The longest window that does not outlast a restart.
const LONGEST_SHORT: Duration = LONG.saturating_sub(Duration::from_nanos(1));

/// The maximum number of windows kept for their slots although no run has a limit of that length; long and
/// short windows are counted separately.
const MOST_UNASKED: usize = 8;

impl Account {
    /// Creates an account without any knowledge: anything may have been sent until `to`.
    pub fn unknown(to: Duration) -> Self {
        Self { unknown_to: Some(to), ..Self::default() }
    }

    /// Records that unknown requests may have been sent until `now`; they may be in transit for `timeout`
    /// longer.
    pub fn take_as_unknown(&mut self, timeout: Duration, now: Duration) {
        self.unknown_to = self.unknown_to.max(Some(now + timeout));
    }

    /// The runs that share the account.
    pub fn sharers(&self) -> impl Iterator<Item = &Sharer> {
        self.holders.iter().map(|holder| &holder.run)
    }

    /// When the slots of this limit's window are freed, and how many, as known at `now`. Slots in flight
    /// count as given back now.
    pub fn freeing(&self, limit: Limit, now: Duration) -> Vec<(Duration, u32)> {
        let mut freeing = Vec::new();
        if let Some(window) = self.windows.iter().find(|window| window.length() == limit.window()) {
            let held = self.holders.iter().map(|holder| holder.held).sum();
            let ended = window.freeing().filter(|(free, _)| *free > now);
            freeing.extend(ended.chain((held > 0).then(|| (now + window.kept(), held))));
        }
        if let Some(full_to) = self.full_to(limit.window(), now) {
            freeing.retain(|(free, _)| *free > full_to);
            let known = freeing.iter().fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
            freeing.push((full_to, limit.count().saturating_sub(known)));
        }
        freeing
    }

    /// The time until which a window of this length counts as full because anything may have been sent.
    /// `None` if all that counts at `now` is known.
    pub fn full_to(&self, length: Duration, now: Duration) -> Option<Duration> {
        self.unknown_to.map(|to| to + length + margin(length)).filter(|to| *to > now)
    }

    /// Whether a power loss could make the account forget slots that still count. If so, each state must be
    /// durable before anyone acts on it. The value becomes false only when a run joins or leaves, and the
    /// state written then is made durable in any case. So a state that needs no sync never follows one that
    /// was used before it was durable.
    pub fn outlasts_a_restart(&self) -> bool {
        self.windows.iter().any(|window| window.length() >= LONG)
    }

    /// Whether a run whose process cannot be checked may be alive: until its timeout and the longest window
    /// have passed since it was last seen. If it has ended, all its slots are free by then. If it is alive,
    /// it is counted again at its next access.
    pub fn is_presumed_alive(&self, id: u64, now: Duration) -> bool {
        let longest_window = self.windows.iter().map(Window::length).max().unwrap_or_default();
        let longest_timeout = self.sharers().map(|run| run.timeout).max().unwrap_or_default();
        let holder = self.holders.iter().find(|holder| holder.run.id == id);
        holder.is_some_and(|holder| now <= holder.seen + longest_timeout + longest_window)
    }

    /// Removes every dead run. Its slots count as attempts that ended now, without a reply.
    pub fn find_dead(&mut self, mut is_alive: impl FnMut(&Sharer) -> bool, now: Duration) {
        let dead: Vec<u64> = self.sharers().filter(|run| !is_alive(run)).map(|run| run.id).collect();
        for id in dead {
            self.remove_holder(id, now);
        }
    }

    /// Removes one run. Its remaining slots count as attempts that ended now, without a reply.
    pub(super) fn remove_holder(&mut self, id: u64, now: Duration) {
        let Some(at) = self.holders.iter().position(|holder| holder.run.id == id) else { return };
        let gone = self.holders.remove(at);
        if gone.held > 0 {
            self.ended_at(now + gone.run.timeout, gone.held, now);
        }
    }

    /// Ensures that this run is a holder, with `held` slots.
    pub(super) fn add_holder(&mut self, run: &Sharer, held: u32, now: Duration) -> &mut Holder {
        let at = match self.holders.iter().position(|holder| holder.run.id == run.id) {
            Some(at) => at,
            None => {
                self.holders.push(Holder { run: run.clone(), held, served: 0, wish: None, seen: now });
                for limit in &run.limits {
                    self.open_window(limit.window(), now);
                }
                self.holders.len() - 1
            }
        };
        let holder = &mut self.holders[at];
        holder.held = held;
        holder.seen = now;
        holder
    }

    /// Adds limits of a run. Of several with the same window, the smallest applies.
    pub(super) fn learn(&mut self, id: u64, limits: &[Limit], now: Duration) {
        let Some(holder) = self.holders.iter_mut().find(|holder| holder.run.id == id) else { return };
        holder.run.limits = limits.to_vec();
        for limit in limits {
            self.open_window(limit.window(), now);
        }
    }

    /// Opens a window of a new length with all attempts that may count in it: from a longer window, else from
    /// the past.
    fn open_window(&mut self, length: Duration, now: Duration) {
        let at = match self.windows.binary_search_by_key(&length, Window::length) {
            Ok(_) => return,
            Err(at) => at,
        };
        let mut window = Window::new(length);
        match self.windows.get(at) {
            Some(longer) => {
                for (free, count) in longer.freeing() {
                    window.add(free.saturating_sub(longer.kept()), count);
                }
            }
            None => self.past.fill(&mut window),
        }
        window.free(now);
        self.windows.insert(at, window);
    }

    /// Records ended attempts that may be counted until `last`.
    fn ended_at(&mut self, last: Duration, count: u32, now: Duration) {
        for window in &mut self.windows {
            window.add(last, count);
        }
        self.past.add(last, u64::from(count), now);
    }

    /// Gives back a holder's slot. An end in the future counts as now.
    pub(super) fn give_back(&mut self, id: u64, ended: Ended, at: Duration, now: Duration) {
        let Some(holder) = self.holders.iter_mut().find(|holder| holder.run.id == id) else { return };
        holder.held = holder.held.checked_sub(1).expect("a slot is given back once, by the run that took it");
        let timeout = holder.run.timeout;
        let at = at.min(now);
        match ended {
            Ended::Answered => self.ended_at(at, 1, now),
            Ended::Silent => self.ended_at(at + timeout, 1, now),
            Ended::NotSent => holder.served = holder.served.saturating_sub(1),
        }
    }

    /// Removes the slots that are free at `now`.
    pub(super) fn free(&mut self, now: Duration) {
        for window in &mut self.windows {
            window.free(now);
        }
    }

    /// Removes windows without slots in use that no run has a limit for. If too many are left, the shortest
    /// are removed; a longer one has their slots too.
    ///
    /// Call [`free`](Self::free) first.
    pub(super) fn tidy(&mut self) {
        let asked: Vec<Duration> = self.sharers().flat_map(|run| &run.limits).map(|limit| limit.window()).collect();
        let mut unasked = [0, 0];
        let is_kept = |window: &Window| {
            asked.contains(&window.length()) || {
                let unasked = &mut unasked[usize::from(window.length() >= LONG)];
                *unasked += usize::from(window.used() > 0);
                window.used() > 0 && *unasked <= MOST_UNASKED
            }
        };
        self.windows = std::mem::take(&mut self.windows).into_iter().rev().filter(is_kept).collect();
        self.windows.reverse();
    }

    /// The limits in effect: those of all runs that share the budget, the strictest for each length.
    fn limits(&self) -> BTreeMap<Duration, u32> {
        let mut limits = BTreeMap::new();
        for limit in self.sharers().flat_map(|run| &run.limits) {
            let count = limits.entry(limit.window()).or_insert(u32::MAX);
            *count = limit.count().min(*count);
        }
        limits
    }

    /// The number of attempts that may start at `now`. If none, when one may start, as far as known.
    ///
    /// Call [`free`](Self::free) first.
    pub(super) fn room(&self, now: Duration) -> Result<u32, Option<Duration>> {
        let held: u64 = self.holders.iter().map(|holder| u64::from(holder.held)).sum();
        let mut room = u64::from(u32::MAX);
        let mut until = Some(Duration::ZERO);
        for (length, count) in self.limits() {
            let count = u64::from(count);
            let at = self.windows.binary_search_by_key(&length, Window::length);
            let window = &self.windows[at.expect("a run's windows are opened when it joins")];
            if let Some(full_to) = self.full_to(length, now) {
                room = 0;
                until = until.max(Some(full_to)).filter(|_| until.is_some());
            }
            let used = held + window.used();
            room = room.min(count.saturating_sub(used));
            if used >= count {
                let free = window.when_free(used - count + 1);
                until = until.and_then(|until| free.map(|free| free.max(until)));
            }
        }
        if room > 0 { Ok(u32::try_from(room).unwrap_or(u32::MAX)) } else { Err(until) }
    }

    /// When the next slot is freed in any window.
    pub(super) fn next_free(&self) -> Option<Duration> {
        self.windows.iter().filter_map(|window| window.freeing().next()).map(|(free, _)| free).min()
    }

    /// The time until which ended and unknown attempts may be counted.
    fn counted_to(&self) -> Duration {
        self.windows.iter().filter_map(Window::counted_to).chain(self.unknown_to).max().unwrap_or_default()
    }

    /// How long from `now` on the attempts of runs that end now may be counted.
    pub(super) fn longest_flight(&self) -> Duration {
        self.sharers().map(|run| run.timeout).max().unwrap_or_default()
    }

    /// How long from `now` on anything may be counted if all runs end now.
    pub(super) fn longest_count(&self, now: Duration) -> Duration {
        self.counted_to().saturating_sub(now).max(self.longest_flight())
    }

    /// Converts the state to another clock, which shows `now` where the old one showed `before`.
    ///
    /// Ended attempts may be counted for exactly as long as on the old clock, whatever a wall clock shows. So
    /// it does not matter which runs have left since, or how often the clock changed.
    pub(super) fn on_clock(&mut self, shift: Shift, before: Duration, now: Duration) {
        if shift.long_ns != shift.short_ns {
            // A short window opened later must not be filled from times that the wall clock has moved.
            self.open_window(LONGEST_SHORT, before);
            self.windows.retain(|window| window.length() != LONGEST_SHORT || window.used() > 0);
        }
        let last = now + self.counted_to().saturating_sub(before);
        for window in &mut self.windows {
            let latest = last + window.kept();
            let by = if window.length() >= LONG { shift.long_ns } else { shift.short_ns };
            *window = window.moved(|free| Some(shifted(free, by).min(latest)).filter(|free| *free > now));
        }
        let moved = |time: Duration| shifted(time, shift.long_ns).min(last);
        self.past = Past::of(self.past.times().iter().map(|(time, count)| (moved(*time), *count)).collect());
        self.unknown_to = self.unknown_to.map(|to| shifted(to, shift.short_ns).min(last));
        for holder in &mut self.holders {
            holder.wish = None;
            holder.seen = shifted(holder.seen, shift.short_ns).min(now);
        }
    }
}

//! Forecasts when a number of rows will be finished, by applying the limiter's rule to groups of rows.
//!
//! A slot is freed one round trip, one window and one margin after it was taken. All free slots of a window
//! are taken at once, so a step of the calculation is a window, not a row. If that gives too many steps,
//! several windows are merged into one with the same rate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;

use super::openings::Openings;
use crate::limit::Limit;

/// How a batch will be posted.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The limits, which apply together, each with the slots in use.
    pub limits: Vec<Load>,
    /// When the batch may post.
    pub openings: Openings,
    /// The maximum number of attempts in flight.
    pub concurrency: u32,
    /// The duration of an attempt.
    pub round_trip: Duration,
}

/// A limit, and the slots that are taken at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The limit.
    pub limit: Limit,
    /// When slots are freed, and how many. A slot whose time has passed is free.
    pub freeing: Vec<(Timestamp, u32)>,
}

impl Load {
    /// The number of slots taken at `now`.
    pub fn used(&self, now: Timestamp) -> u64 {
        self.freeing.iter().filter(|(free, _)| *free > now).map(|(_, count)| u64::from(*count)).sum()
    }
}

impl From<Limit> for Load {
    fn from(limit: Limit) -> Self {
        Self { limit, freeing: Vec::new() }
    }
}

/// The forecast, if every row needs one attempt and no other client uses the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// When the last reply arrives. [`Timestamp::MAX`] if that is beyond the calendar.
    pub done_at: Timestamp,
    /// The number of openings used, counted by days: the nights of an operator who sets `22:00-06:00`.
    pub days: u32,
}

/// The approximate maximum number of steps per limit.
const MOST_STEPS: u64 = 200_000;

/// The maximum number of groups into which the slots taken at the start are merged.
const MOST_MOMENTS: usize = 256;

impl Schedule {
    /// When `rows` rows will be finished, if posting starts or continues at `now`.
    pub fn forecast(&self, rows: u64, now: Timestamp) -> Forecast {
        let begin = now.as_microsecond();
        let at_once = Window::new(self.concurrency.max(1), self.round_trip, rows);
        let of_limits = self.limits.iter().map(|load| {
            let mut window = Window::of(load.limit, self.round_trip, rows);
            window.take_to_begin_with(&load.freeing);
            window
        });
        let windows = of_limits.chain([at_once]).collect();
        let (end, days) = play(rows, windows, begin, &mut |from| {
            let from = Timestamp::from_microsecond(from).unwrap_or(Timestamp::MAX);
            let (opens, until) = self.openings.next(from);
            Opening { from: ceil(opens), until: until.as_microsecond(), day: Some(self.openings.day(opens)) }
        });
        let end = end.saturating_add(micros(self.round_trip));
        let done_at = if rows == 0 { Ok(now) } else { Timestamp::from_microsecond(end) };
        Forecast { done_at: done_at.unwrap_or(Timestamp::MAX), days }
    }
}

/// The earliest time at which `rows` requests can finish under all of `limits` by the limiter's rule, if each
/// takes `round_trip` and no slot is taken at the start.
pub fn soonest(limits: &[Limit], rows: u64, round_trip: Duration) -> Duration {
    if rows == 0 {
        return Duration::ZERO;
    }
    let windows = limits.iter().map(|limit| Window::of(*limit, round_trip, rows)).collect();
    let always = Opening { from: 0, until: i64::MAX, day: None };
    let (last, _) = play(rows, windows, 0, &mut |_| always);
    Duration::from_micros(last.unsigned_abs()).saturating_add(round_trip)
}

/// A span in which attempts may start, in microseconds, and its day.
#[derive(Debug, Clone, Copy)]
struct Opening {
    from: i64,
    until: i64,
    day: Option<jiff::civil::Date>,
}

/// Sends `rows` from `begin` on, as early as the windows and openings allow. Returns when the last is sent,
/// and on how many days rows are sent.
fn play(rows: u64, mut windows: Vec<Window>, begin: i64, next: &mut dyn FnMut(i64) -> Opening) -> (i64, u32) {
    let (mut at, mut left, mut days) = (begin, rows, 0);
    let mut opening = Opening { from: begin, until: begin, day: None };
    while left > 0 {
        // Waiting for one window does not make another one fuller.
        at = windows.iter_mut().fold(at, |at, window| window.room_at(at));
        if at >= opening.until {
            let last_day = opening.day;
            opening = next(at);
            at = at.max(opening.from);
            if at >= opening.until {
                return (i64::MAX, days);
            }
            days += u32::from(days == 0 || opening.day != last_day);
        }
        let room = windows.iter_mut().map(|window| window.room(at)).min().unwrap_or(u64::MAX);
        let sent = left.min(room);
        windows.iter_mut().for_each(|window| window.take(sent, at));
        left -= sent;
    }
    (at, days)
}

/// The slots of one limit, in microseconds.
#[derive(Debug)]
struct Window {
    size: u64,
    /// How long a slot is taken.
    hold: i64,
    taken: u64,
    freeing: BinaryHeap<Reverse<(i64, u64)>>,
}

impl Window {
    fn new(count: u32, hold: Duration, rows: u64) -> Self {
        let at_a_time = rows.div_ceil(u64::from(count).saturating_mul(MOST_STEPS)).max(1);
        let hold = micros(hold).saturating_mul(i64::try_from(at_a_time).unwrap_or(i64::MAX));
        Self { size: u64::from(count).saturating_mul(at_a_time), hold, taken: 0, freeing: BinaryHeap::new() }
    }

    fn of(limit: Limit, round_trip: Duration, rows: u64) -> Self {
        Self::new(limit.count(), round_trip.saturating_add(limit.window() + limit.margin()), rows)
    }

    fn take_to_begin_with(&mut self, freeing: &[(Timestamp, u32)]) {
        let mut moments: Vec<(i64, u64)> = freeing.iter().map(|&(at, count)| (ceil(at), u64::from(count))).collect();
        moments.sort_unstable();
        for together in moments.chunks(moments.len().div_ceil(MOST_MOMENTS).max(1)) {
            let last = together.last().map_or(0, |(at, _)| *at);
            self.take_until(together.iter().map(|(_, count)| count).sum(), last);
        }
    }

    /// The earliest moment at which a slot is free, not before `at`.
    fn room_at(&mut self, at: i64) -> i64 {
        let mut at = at;
        while self.room(at) == 0 {
            // If more slots are taken than the window has, freeing the first ones makes no room.
            let Some(Reverse((free, _))) = self.freeing.peek() else { break };
            at = *free;
        }
        at
    }

    fn room(&mut self, at: i64) -> u64 {
        while let Some(Reverse((free, count))) = self.freeing.peek()
            && *free <= at
        {
            self.taken -= count;
            self.freeing.pop();
        }
        self.size.saturating_sub(self.taken)
    }

    fn take(&mut self, count: u64, at: i64) {
        self.take_until(count, at.saturating_add(self.hold));
    }

    fn take_until(&mut self, count: u64, free: i64) {
        self.taken += count;
        self.freeing.push(Reverse((free, count)));
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// A moment in microseconds, rounded up.
fn ceil(at: Timestamp) -> i64 {
    at.as_microsecond() + i64::from(at.as_nanosecond() % 1000 > 0)
}

#[cfg(test)]
mod tests;

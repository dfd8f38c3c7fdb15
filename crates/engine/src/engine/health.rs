//! What the replies show about the API as a whole: when to pause, to probe with one row, or to stop.

use std::collections::BTreeMap;
use std::time::Duration;

use super::backlog::WorkId;
use super::messages::{AttemptId, Cause};
use crate::outcome::{Stop, Verdict};

/// The number of rejections before the first post that shows that a setting is wrong, not the rows.
const MOST_REJECTIONS_BEFORE_A_POST: u32 = 25;
/// The number of replies 403, 404 or 410 without a post in between that shows that access was withdrawn.
const MOST_SUSPICIOUS: u32 = 5;
/// The number of unsent attempts that shows an outage, if no other reply was understood in between.
const MOST_UNSENT: u32 = 3;
/// The same for attempts with an unknown result.
const MOST_UNKNOWN: u32 = 5;
/// The same for rows at which the API failed. With fewer, it may always fail at these rows.
const MOST_FAILING: usize = 5;
/// The first pause of an outage. Each failed probe doubles the pause.
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of an outage.
pub(super) const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause without a `Retry-After`; the API may request a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The run stops after this long limited without a post, or if asked to wait for longer: a later run may
/// succeed.
const LONGEST_LIMITED: Duration = Duration::from_secs(60 * 60);

/// What the run should do after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    GoOn,
    Pause(Cause, Duration),
    Stop(Stop, &'static str),
}

/// Decides whether attempts may start, and whether only one at a time.
#[derive(Debug)]
pub(super) struct Health {
    /// The pause for a limited reply without a wait time.
    limited_pause: Duration,
    /// The maximum duration of an outage.
    give_up_after: Duration,
    posted: bool,
    rejections_before_a_post: u32,
    suspicious: u32,
    /// Counts since the last reply that showed that the API works.
    bad: Bad,
    outage: Option<Outage>,
    limited_since: Option<Duration>,
    /// Consecutive pauses for the limit.
    limited_pauses: u32,
    pause: Option<(Cause, Duration)>,
    /// One attempt at a time until a reply is understood: at the start of the run and after every pause.
    alone: bool,
    probe: Option<AttemptId>,
}

/// Consecutive attempts without a result, for reasons that do not seem to depend on their rows.
#[derive(Debug, Default)]
struct Bad {
    since: Option<Duration>,
    unsent: u32,
    unknown: u32,
    /// The rows at which the API failed, with counts. At most [`MOST_FAILING`], which is an outage.
    failing: BTreeMap<WorkId, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outage {
    /// When the first attempt that showed the outage ended.
    since: Duration,
    failed_probes: u32,
}

impl Health {
    /// Creates the state before any reply. `limited_pause` is the shortest window.
    pub(super) fn new(limited_pause: Duration, give_up_after: Duration) -> Self {
        Self {
            limited_pause,
            give_up_after,
            posted: false,
            rejections_before_a_post: 0,
            suspicious: 0,
            bad: Bad::default(),
            outage: None,
            limited_since: None,
            limited_pauses: 0,
            pause: None,
            alone: true,
            probe: None,
        }
    }

    /// Whether a note was posted in this run.
    pub(super) fn posted(&self) -> bool {
        self.posted
    }

    /// The pause in effect at `now`.
    pub(super) fn pause(&self, now: Duration) -> Option<(Cause, Duration)> {
        self.pause.filter(|(_, until)| now < *until)
    }

    /// Whether an attempt may start, if no pause is in effect.
    pub(super) fn may_start(&self) -> bool {
        !self.alone || self.probe.is_none()
    }

    /// Whether at most one attempt may be in flight.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Records that an attempt starts.
    pub(super) fn started(&mut self, attempt: AttemptId) {
        if self.alone {
            self.probe = Some(attempt);
        }
    }

    /// Whether there is an outage. Replies then say nothing about their rows.
    pub(super) fn is_outage(&self) -> bool {
        self.outage.is_some()
    }

    /// Attempts charged to rows before the outage was detected; returned once, to be refunded.
    pub(super) fn take_refundable(&mut self) -> BTreeMap<WorkId, u32> {
        if self.outage.is_none() {
            return BTreeMap::new();
        }
        std::mem::take(&mut self.bad.failing)
    }

    /// Handles the end of a row's attempt.
    pub(super) fn on_verdict(&mut self, attempt: AttemptId, place: WorkId, verdict: &Verdict, now: Duration) -> Advice {
        let probe = self.probe == Some(attempt);
        if probe {
            self.probe = None;
        }
        // The reply to an attempt from before a pause concerns its row only; it does not show whether the
        // pause has helped.
        let late = self.alone && !probe;
        match verdict {
            Verdict::Posted => {
                self.posted = true;
                self.suspicious = 0;
                self.limited_since = None;
                self.understood(probe);
                Advice::GoOn
            }
            Verdict::Rejected { suspicious } => {
                self.understood(probe);
                self.rejected(*suspicious)
            }
            Verdict::Again { retry_after } => {
                if self.outage.is_some() {
                    return self.out_of_order(Cause::Failing, true, *retry_after, late, probe, now);
                }
                if probe {
                    self.alone = false;
                    self.limited_pauses = 0;
                }
                let tries = self.bad.failing.entry(place).or_default();
                let before = *tries;
                *tries += 1;
                let too_many = self.bad.failing.len() >= MOST_FAILING;
                let advice = self.out_of_order(Cause::Failing, too_many, *retry_after, late, probe, now);
                if self.outage.is_some() {
                    // This attempt is part of the outage and was not charged.
                    self.bad.failing.insert(place, before);
                }
                advice
            }
            Verdict::Limited { retry_after, named } => {
                let base = named.map_or(self.limited_pause, |limit| limit.window());
                self.limited(*retry_after, base, late, now)
            }
            Verdict::Unsent => {
                self.bad.unsent += 1;
                self.out_of_order(Cause::Unreachable, self.bad.unsent >= MOST_UNSENT, None, late, probe, now)
            }
            Verdict::Unknown => {
                self.bad.unknown += 1;
                self.out_of_order(Cause::Unclear, self.bad.unknown >= MOST_UNKNOWN, None, late, probe, now)
            }
            Verdict::SetupFault(stop) => Advice::Stop(*stop, setup_fault(*stop)),
            Verdict::Withdrawn => Advice::GoOn,
        }
    }

    fn understood(&mut self, probe: bool) {
        self.bad = Bad::default();
        if probe || !self.alone {
            self.alone = false;
            self.outage = None;
            self.limited_pauses = 0;
        }
    }

    fn rejected(&mut self, suspicious: bool) -> Advice {
        if !self.posted {
            self.rejections_before_a_post += 1;
            if self.rejections_before_a_post >= MOST_REJECTIONS_BEFORE_A_POST {
                return Advice::Stop(
                    Stop::Refused,
                    "25 rows were rejected and none was posted: a setting is probably wrong",
                );
            }
        }
        if suspicious {
            self.suspicious += 1;
            if self.suspicious >= MOST_SUSPICIOUS {
                return Advice::Stop(
                    Stop::Endpoint,
                    "five replies in a row were 403, 404 or 410: access was probably withdrawn",
                );
            }
        }
        Advice::GoOn
    }

    fn limited(&mut self, asked: Option<Duration>, base: Duration, late: bool, now: Duration) -> Advice {
        self.bad = Bad::default();
        self.outage = None;
        let since = *self.limited_since.get_or_insert(now);
        if asked.unwrap_or(base) > LONGEST_LIMITED {
            return Advice::Stop(Stop::Limited, "the API asks to wait for more than an hour");
        }
        if now.saturating_sub(since) >= LONGEST_LIMITED {
            return Advice::Stop(Stop::Limited, "the API has reported its limit for an hour");
        }
        // A late reply belongs to the current pause and does not start another one.
        if !late {
            self.limited_pauses += 1;
        }
        let doublings = self.limited_pauses.saturating_sub(1).min(20);
        let doubled = base.saturating_mul(1 << doublings).min(LONGEST_PAUSE.max(base));
        self.begin_pause(Cause::Limited, asked.unwrap_or(doubled), now)
    }

    fn out_of_order(
        &mut self,
        cause: Cause,
        too_many: bool,
        asked: Option<Duration>,
        late: bool,
        probe: bool,
        now: Duration,
    ) -> Advice {
        let since = *self.bad.since.get_or_insert(now);
        let outage = match self.outage {
            Some(outage) if probe => Outage { failed_probes: outage.failed_probes + 1, ..outage },
            None if too_many && !late => Outage { since, failed_probes: 0 },
            _ => return Advice::GoOn,
        };
        self.outage = Some(outage);
        let left = self.give_up_after.saturating_sub(now.saturating_sub(outage.since));
        if left.is_zero() && outage.failed_probes > 0 {
            return Advice::Stop(Stop::Outage, "the API did not recover within the configured waiting time");
        }
        let doubled = OUTAGE_PAUSE.saturating_mul(1 << outage.failed_probes.min(10)).min(LONGEST_OUTAGE_PAUSE);
        // The last probe is made when the time is up, not up to a pause later.
        self.begin_pause(cause, doubled.max(asked.unwrap_or_default()).min(left), now)
    }

    fn begin_pause(&mut self, cause: Cause, delay: Duration, now: Duration) -> Advice {
        self.alone = true;
        match self.pause(now) {
            Some((_, until)) => {
                self.pause = Some((cause, until.max(now + delay)));
                Advice::GoOn
            }
            None => {
                self.pause = Some((cause, now + delay));
                Advice::Pause(cause, delay)
            }
        }
    }
}

fn setup_fault(stop: Stop) -> &'static str {
    match stop {
        Stop::Credentials => "authentication failed; another account's host returns the same error",
        _ => "the API was not found at this URL",
    }
}

#[cfg(test)]
mod tests;

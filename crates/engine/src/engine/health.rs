//! What the answers show about the API as a whole: when to pause, to probe with one row, to stop.

use std::collections::BTreeMap;
use std::time::Duration;

use super::backlog::Place;
use super::messages::{AttemptId, Cause};
use crate::outcome::{Stop, Verdict};

/// This many rejections before any post mean that a setting is wrong, not the rows.
const MOST_REJECTIONS_BEFORE_A_POST: u32 = 25;
/// This many answers 403, 404 or 410 without a post between them mean that access was withdrawn.
const MOST_SUSPICIOUS: u32 = 5;
/// This many attempts that could not be sent mean an outage, unless another answer that was understood comes between.
const MOST_UNSENT: u32 = 3;
/// The same for this many attempts with an unknown result.
const MOST_UNKNOWN: u32 = 5;
/// The same for this many rows at which the API failed. With fewer, each may be a row at which it always fails.
const MOST_FAILING: usize = 5;
/// The first pause of an outage. Each failed probe doubles it.
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of an outage.
pub(super) const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause without a `Retry-After`; the API may ask for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The run stops after this long limited without a post, or if asked to wait for longer: a later run may succeed.
const LONGEST_LIMITED: Duration = Duration::from_secs(60 * 60);

/// What the run should do after an answer.
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
    /// How long an outage may last.
    give_up_after: Duration,
    posted: bool,
    rejections_before_a_post: u32,
    suspicious: u32,
    /// Counts since the last answer that shows that the API works.
    bad: Bad,
    outage: Option<Outage>,
    limited_since: Option<Duration>,
    /// Consecutive pauses for the limit.
    limited_pauses: u32,
    pause: Option<(Cause, Duration)>,
    /// One attempt at a time until an answer was understood: at the start of the run and after every pause.
    alone: bool,
    probe: Option<AttemptId>,
}

/// Consecutive attempts without a result, through no fault of their rows as far as known.
#[derive(Debug, Default)]
struct Bad {
    since: Option<Duration>,
    unsent: u32,
    unknown: u32,
    /// The rows at which the API failed, with counts. At most [`MOST_FAILING`]: then it is an outage.
    failing: BTreeMap<Place, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outage {
    /// When the first of the attempts that showed it ended.
    since: Duration,
    failed_probes: u32,
}

impl Health {
    /// For an API without any answer yet. `limited_pause` is the shortest window.
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

    /// Whether there is an outage: answers then have no meaning for their rows.
    pub(super) fn is_outage(&self) -> bool {
        self.outage.is_some()
    }

    /// Attempts charged to rows before the outage was detected; returned once, to be refunded.
    pub(super) fn take_wronged(&mut self) -> BTreeMap<Place, u32> {
        if self.outage.is_none() {
            return BTreeMap::new();
        }
        std::mem::take(&mut self.bad.failing)
    }

    /// Applies the end of an attempt for a row.
    pub(super) fn on_verdict(&mut self, attempt: AttemptId, place: Place, verdict: &Verdict, now: Duration) -> Advice {
        let probe = self.probe == Some(attempt);
        if probe {
            self.probe = None;
        }
        // An answer to an attempt from before a pause concerns its row; it does not show whether the pause has helped.
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
                    "25 rows were rejected and none was posted: a setting is likely wrong",
                );
            }
        }
        if suspicious {
            self.suspicious += 1;
            if self.suspicious >= MOST_SUSPICIOUS {
                return Advice::Stop(
                    Stop::Endpoint,
                    "five rows in a row were answered 403, 404 or 410: access was likely withdrawn",
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
            return Advice::Stop(Stop::Limited, "the API has answered with its limit for an hour");
        }
        // A late reply belongs to the current pause and does not start another.
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
        // The last probe is made when the time is over, not up to a pause later.
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
        _ => "the URL does not lead to the API",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: Verdict = Verdict::Unknown;
    const REJECTED: Verdict = Verdict::Rejected { suspicious: false };
    const AGAIN: Verdict = Verdict::Again { retry_after: None };
    const LIMITED: Verdict = Verdict::Limited { retry_after: None, named: None };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn health() -> Health {
        Health::new(s(5), s(60))
    }

    /// Starts and ends one attempt at a time.
    fn tell(health: &mut Health, id: u64, verdict: &Verdict, at: u64) -> Advice {
        assert!(health.may_start());
        health.started(AttemptId(id));
        health.on_verdict(AttemptId(id), id, verdict, s(at))
    }

    #[test]
    fn the_first_attempt_goes_alone_until_it_is_understood() {
        let mut health = health();
        health.started(AttemptId(1));
        assert!(!health.may_start());
        health.on_verdict(AttemptId(1), 1, &UNKNOWN, s(1));
        health.started(AttemptId(2));
        assert!(!health.may_start());
        health.on_verdict(AttemptId(2), 2, &AGAIN, s(2));
        health.started(AttemptId(3));
        assert!(health.may_start());
    }

    #[test]
    fn limited_pauses_double_and_a_post_resets_them() {
        let mut health = health();
        assert_eq!(tell(&mut health, 1, &LIMITED, 0), Advice::Pause(Cause::Limited, s(5)));
        assert_eq!(tell(&mut health, 2, &LIMITED, 5), Advice::Pause(Cause::Limited, s(10)));
        assert_eq!(tell(&mut health, 3, &LIMITED, 15), Advice::Pause(Cause::Limited, s(20)));
        assert_eq!(tell(&mut health, 4, &Verdict::Posted, 35), Advice::GoOn);
        assert_eq!(tell(&mut health, 5, &LIMITED, 36), Advice::Pause(Cause::Limited, s(5)));
        for (id, at) in (6..20).zip((100..).step_by(1)) {
            tell(&mut health, id, &LIMITED, at);
        }
        assert_eq!(tell(&mut health, 30, &LIMITED, 3000), Advice::Pause(Cause::Limited, s(900)));
    }

    #[test]
    fn limited_replies_of_one_burst_make_one_pause() {
        let mut health = health();
        tell(&mut health, 0, &Verdict::Posted, 0);
        for id in 1..=3 {
            health.started(AttemptId(id));
        }
        assert_eq!(health.on_verdict(AttemptId(1), 1, &LIMITED, s(1)), Advice::Pause(Cause::Limited, s(5)));
        health.on_verdict(AttemptId(2), 2, &LIMITED, s(1));
        health.on_verdict(AttemptId(3), 3, &LIMITED, s(2));
        assert_eq!(health.pause(s(2)), Some((Cause::Limited, s(7))), "no longer than a window after the last of them");
        assert_eq!(tell(&mut health, 4, &Verdict::Posted, 20), Advice::GoOn);
        assert_eq!(tell(&mut health, 5, &LIMITED, 21), Advice::Pause(Cause::Limited, s(5)));
    }

    #[test]
    fn a_late_answer_does_not_end_a_pause_nor_an_outage() {
        for (bad, failing) in [(LIMITED, 1), (UNKNOWN, 5)] {
            let mut health = health();
            tell(&mut health, 0, &Verdict::Posted, 0);
            for id in 1..=6 {
                health.started(AttemptId(id));
            }
            for id in 1..=failing {
                health.on_verdict(AttemptId(id), id, &bad, s(1));
            }
            let outage = health.is_outage();
            for verdict in [REJECTED, Verdict::Posted] {
                assert_eq!(health.on_verdict(AttemptId(6), 6, &verdict, s(2)), Advice::GoOn);
                assert!(health.is_alone() && health.pause(s(2)).is_some(), "{verdict:?} was sent before the pause");
                assert_eq!(health.is_outage(), outage);
            }
            assert_eq!(tell(&mut health, 7, &REJECTED, 60), Advice::GoOn);
            assert!(!health.is_alone() && !health.is_outage(), "that was the probe");
        }
    }

    #[test]
    fn replies_without_an_answer_to_what_was_sent_before_a_pause_are_no_outage() {
        let mut health = health();
        tell(&mut health, 0, &Verdict::Posted, 0);
        for id in 1..=6 {
            health.started(AttemptId(id));
        }
        health.on_verdict(AttemptId(1), 1, &LIMITED, s(1));
        for id in 2..=6 {
            assert_eq!(health.on_verdict(AttemptId(id), id, &UNKNOWN, s(2)), Advice::GoOn);
        }
        assert!(!health.is_outage());
        assert_eq!(health.pause(s(2)), Some((Cause::Limited, s(6))));
    }

    #[test]
    fn what_the_api_asks_for_holds_and_more_than_an_hour_ends_the_run() {
        let mut health = health();
        let asks = |seconds| Verdict::Limited { retry_after: Some(s(seconds)), named: None };
        assert_eq!(tell(&mut health, 1, &asks(77), 0), Advice::Pause(Cause::Limited, s(77)));
        assert_eq!(tell(&mut health, 2, &asks(3600), 77), Advice::Pause(Cause::Limited, s(3600)));
        assert!(matches!(tell(&mut health, 3, &asks(3601), 78), Advice::Stop(Stop::Limited, _)));
    }

    #[test]
    fn the_window_that_the_message_names_is_waited_for() {
        let named = Verdict::Limited { retry_after: None, named: Some("100/1m".parse().unwrap()) };
        assert_eq!(tell(&mut health(), 1, &named, 0), Advice::Pause(Cause::Limited, s(60)));
    }

    #[test]
    fn a_window_of_more_than_an_hour_ends_the_run() {
        let named = Verdict::Limited { retry_after: None, named: Some("10000/1d".parse().unwrap()) };
        assert!(matches!(tell(&mut health(), 1, &named, 0), Advice::Stop(Stop::Limited, _)));
    }

    #[test]
    fn an_hour_of_limits_without_a_post_ends_the_run() {
        let mut health = health();
        tell(&mut health, 1, &LIMITED, 0);
        assert!(matches!(tell(&mut health, 2, &LIMITED, 3599), Advice::Pause(..)));
        assert!(matches!(tell(&mut health, 3, &LIMITED, 3600), Advice::Stop(Stop::Limited, _)));
    }

    #[test]
    fn five_unknowns_pause_and_probes_go_on_until_it_is_given_up() {
        let mut health = health();
        for id in 0..4 {
            assert_eq!(tell(&mut health, id, &UNKNOWN, id), Advice::GoOn);
        }
        assert_eq!(tell(&mut health, 4, &UNKNOWN, 4), Advice::Pause(Cause::Unclear, s(5)));
        assert_eq!(tell(&mut health, 5, &UNKNOWN, 9), Advice::Pause(Cause::Unclear, s(10)));
        assert_eq!(tell(&mut health, 6, &UNKNOWN, 19), Advice::Pause(Cause::Unclear, s(20)));
        assert_eq!(
            tell(&mut health, 7, &UNKNOWN, 39),
            Advice::Pause(Cause::Unclear, s(21)),
            "what is left of a minute"
        );
        assert!(matches!(tell(&mut health, 8, &UNKNOWN, 60), Advice::Stop(Stop::Outage, _)));
    }

    #[test]
    fn pauses_of_an_outage_double_up_to_a_minute() {
        let mut health = Health::new(s(5), s(3600));
        let mut at = 0;
        let mut pauses = Vec::new();
        for id in 0..13 {
            if let Advice::Pause(Cause::Unreachable, pause) = tell(&mut health, id, &Verdict::Unsent, at) {
                at += pause.as_secs();
                pauses.push(pause.as_secs());
            }
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60]);
    }

    #[test]
    fn without_patience_the_first_probe_that_fails_ends_the_run() {
        let mut health = Health::new(s(5), s(0));
        tell(&mut health, 1, &Verdict::Unsent, 1);
        tell(&mut health, 2, &Verdict::Unsent, 1);
        assert_eq!(tell(&mut health, 3, &Verdict::Unsent, 1), Advice::Pause(Cause::Unreachable, s(0)));
        assert!(matches!(tell(&mut health, 4, &Verdict::Unsent, 1), Advice::Stop(Stop::Outage, _)));
    }

    #[test]
    fn an_answer_between_them_ends_the_row_of_unknowns_and_the_outage() {
        let mut health = health();
        tell(&mut health, 100, &Verdict::Posted, 0);
        for id in 0..20 {
            let verdict = if id % 5 == 4 { REJECTED } else { UNKNOWN };
            assert_eq!(tell(&mut health, id, &verdict, id), Advice::GoOn);
        }
        for id in 20..25 {
            tell(&mut health, id, &UNKNOWN, id);
        }
        assert!(health.pause(s(24)).is_some());
        tell(&mut health, 26, &AGAIN, 30);
        assert!(health.is_outage(), "that the API has failed is no better");
        tell(&mut health, 27, &REJECTED, 50);
        assert!(!health.is_outage());
    }

    /// A row's attempt that the API fails at.
    fn fail(health: &mut Health, id: u64, row: Place, at: u64) -> Advice {
        health.started(AttemptId(id));
        health.on_verdict(AttemptId(id), row, &AGAIN, s(at))
    }

    #[test]
    fn an_api_that_fails_at_five_rows_is_out_of_order_and_their_tries_are_given_back() {
        let mut health = health();
        tell(&mut health, 0, &Verdict::Posted, 0);
        for (id, row) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 4), (6, 1)] {
            assert_eq!(fail(&mut health, id, row, id), Advice::GoOn);
        }
        assert!(health.take_wronged().is_empty(), "not before it is known");
        assert_eq!(fail(&mut health, 7, 5, 7), Advice::Pause(Cause::Failing, s(5)));
        assert_eq!(health.take_wronged(), BTreeMap::from([(1, 3), (2, 1), (3, 1), (4, 1), (5, 0)]));
        assert!(health.take_wronged().is_empty(), "once");
        assert_eq!(fail(&mut health, 8, 1, 12), Advice::Pause(Cause::Failing, s(10)));
    }

    #[test]
    fn fewer_rows_that_the_api_always_fails_at_are_no_outage() {
        let mut health = health();
        for id in 0..100 {
            assert_eq!(fail(&mut health, id, id % 4, id), Advice::GoOn);
        }
        for id in 100..200 {
            fail(&mut health, id, id, id);
            assert_eq!(tell(&mut health, 1000 + id, &Verdict::Posted, id), Advice::GoOn);
        }
    }

    #[test]
    fn a_server_that_is_down_and_says_when_to_come_back_is_left_alone_until_then() {
        let mut health = Health::new(s(5), s(900));
        let busy = Verdict::Again { retry_after: Some(s(120)) };
        for id in 0..4 {
            tell(&mut health, id, &busy, 0);
        }
        assert_eq!(tell(&mut health, 4, &busy, 0), Advice::Pause(Cause::Failing, s(120)));
    }

    #[test]
    fn three_attempts_that_could_not_be_sent_pause() {
        let mut health = health();
        assert_eq!(tell(&mut health, 1, &Verdict::Unsent, 1), Advice::GoOn);
        assert_eq!(tell(&mut health, 2, &Verdict::Unsent, 2), Advice::GoOn);
        assert_eq!(tell(&mut health, 3, &Verdict::Unsent, 3), Advice::Pause(Cause::Unreachable, s(5)));
    }

    #[test]
    fn a_burst_that_times_out_is_one_outage_not_many_failed_probes() {
        let mut health = health();
        tell(&mut health, 0, &Verdict::Posted, 0);
        for id in 1..=25 {
            health.started(AttemptId(id));
        }
        for id in 1..=25 {
            assert!(!matches!(health.on_verdict(AttemptId(id), id, &UNKNOWN, s(30)), Advice::Stop(..)));
        }
        assert_eq!(health.outage, Some(Outage { since: s(30), failed_probes: 0 }));
        assert_eq!(health.pause(s(30)), Some((Cause::Unclear, s(35))));
    }

    #[test]
    fn twenty_five_rejections_before_any_post_stop_and_after_one_do_not() {
        let mut fresh = health();
        for id in 0..24 {
            assert_eq!(tell(&mut fresh, id, &REJECTED, id), Advice::GoOn);
        }
        assert!(matches!(tell(&mut fresh, 24, &REJECTED, 24), Advice::Stop(Stop::Refused, _)));
        let mut proven = health();
        tell(&mut proven, 0, &Verdict::Posted, 0);
        for id in 1..100 {
            assert_eq!(tell(&mut proven, id, &REJECTED, id), Advice::GoOn);
        }
    }

    #[test]
    fn five_suspicious_rejections_without_a_post_between_them_stop() {
        let suspicious = Verdict::Rejected { suspicious: true };
        let mut health = health();
        tell(&mut health, 0, &Verdict::Posted, 0);
        for id in 1..5 {
            assert_eq!(tell(&mut health, id, &suspicious, id), Advice::GoOn);
        }
        tell(&mut health, 5, &Verdict::Posted, 5);
        for id in 6..10 {
            assert_eq!(tell(&mut health, id, &suspicious, id), Advice::GoOn);
        }
        tell(&mut health, 10, &REJECTED, 10);
        assert!(matches!(tell(&mut health, 11, &suspicious, 11), Advice::Stop(Stop::Endpoint, _)));
    }
}

//! One timeline over all runs of a ledger.
//!
//! Within a run the clock does not jump, and its microseconds are used as they are. Between two runs only the
//! wall clock shows how much time passed: from the last record of the first run that has both clocks to the
//! first such record of the second. So it does not matter if the wall clock was set during a run. If it was
//! set back between two runs, the difference may be negative. Then no time is assumed to have passed, which
//! puts the runs' attempts into as few windows as possible, and the change is reported. If it was set forward
//! between two runs, that cannot be distinguished from time that passed.

use std::time::Duration;

use jiff::Timestamp;

/// The wall clock is recorded truncated to a unit, so that much less time may have passed between two
/// records. The unit must not exceed the margin, or the audit would blame runs that kept it. A run's record
/// names the unit. Older runs did not name it and used a microsecond,
const UNIT_US: i64 = 1;

/// or, before that, a millisecond. A record of the run with a fraction of a millisecond shows which of the
/// two. Without one, the coarser unit is used, since it does not prove too much.
const COARSE_UNIT_US: i64 = 1000;

/// Places records on the timeline, in microseconds from the first one.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// When the current run's clock was zero; `None` until a record of the run shows it.
    began_us: Option<i64>,
    /// The position of the latest record, and the wall clock of the last one.
    last_us: i64,
    last_wall: Option<Timestamp>,
    /// The unit of that wall clock, as far as known.
    unit_us: i64,
    /// The unit that the current run's record names.
    named_unit_us: Option<i64>,
}

impl Timeline {
    /// Starts another run, whose record names this unit. Its clock starts at zero.
    pub(super) fn run(&mut self, unit_us: Option<u32>) {
        self.began_us = None;
        self.named_unit_us = unit_us.map(i64::from);
    }

    /// When the current run's clock was zero, by its first record that shows the clock; without such a
    /// record, by the start time in the run's own record.
    pub(super) fn began_us(&self, wall: Timestamp) -> i64 {
        self.began_us.unwrap_or_else(|| {
            let passed = self.last_wall.map_or(0, |last| wall.as_microsecond() - last.as_microsecond());
            self.last_us.saturating_add(passed.max(0))
        })
    }

    /// How far the wall clock `wall` of a run's first record is before that of the previous run's last
    /// record.
    pub(super) fn set_back(&self, wall: Timestamp) -> Option<Duration> {
        let last = self.last_wall.filter(|last| self.began_us.is_none() && wall < *last)?;
        Some(last.duration_since(wall).unsigned_abs())
    }

    /// The position of a record at `at_us` on the run's clock and `wall` on the wall clock.
    pub(super) fn at(&mut self, at_us: u64, wall: Timestamp) -> i64 {
        let at_us = i64::try_from(at_us).unwrap_or(i64::MAX);
        let began_us = *self.began_us.get_or_insert_with(|| {
            let unit_us = std::mem::replace(&mut self.unit_us, self.named_unit_us.unwrap_or(COARSE_UNIT_US));
            let passed = self.last_wall.map_or(0, |last| wall.as_microsecond() - last.as_microsecond() - unit_us);
            self.last_us.saturating_add(passed.max(0)).saturating_sub(at_us)
        });
        if self.named_unit_us.is_none() && wall.as_microsecond() % COARSE_UNIT_US != 0 {
            self.unit_us = UNIT_US;
        }
        let at = began_us.saturating_add(at_us);
        self.last_us = self.last_us.max(at);
        self.last_wall = Some(wall);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    #[test]
    fn within_a_run_its_own_clock_counts_whatever_the_wall_clock_shows() {
        let mut line = Timeline::default();
        assert_eq!(line.at(50, wall(0)), 0);
        assert_eq!(line.at(1_000_050, wall(-3_600_000)), 1_000_000);
        assert_eq!(line.at(2_000_050, wall(90_000_000)), 2_000_000);
    }

    #[test]
    fn between_runs_the_wall_clock_counts_from_the_last_record_to_the_first() {
        let mut line = Timeline::default();
        line.at(0, wall(0));
        line.at(10_000_000, wall(-50_000)); // set back by a minute during the run
        line.run(None);
        assert_eq!(line.set_back(wall(-45_000)), None);
        assert_eq!(line.at(700, wall(-45_000)), 10_000_000 + 5_000_000 - COARSE_UNIT_US);
        assert_eq!(line.at(800, wall(-45_000)), 10_000_000 + 5_000_000 - COARSE_UNIT_US + 100);
    }

    #[test]
    fn what_the_first_run_shows_of_its_clock_tells_how_much_less_may_have_passed() {
        let fine = |us: i64| Timestamp::from_microsecond(1_700_000_000_000_000 + us).unwrap();
        for (first, then, less_us) in [
            ([fine(0), fine(5_001)], fine(2_005_001), 1),
            ([fine(1), fine(5_000)], fine(2_005_000), 1),
            ([fine(0), fine(5_000)], fine(2_005_000), 1000),
            ([fine(0), fine(5_000)], fine(2_005_001), 999),
        ] {
            let mut line = Timeline::default();
            first.into_iter().zip([0, 5_000]).for_each(|(wall, at_us)| {
                line.at(at_us, wall);
            });
            line.run(None);
            assert_eq!(line.at(0, then), 5_000 + 2_000_000 - less_us, "{first:?} {then}");
        }
    }

    #[test]
    fn a_run_that_names_the_unit_of_its_clock_is_believed_whatever_its_records_show() {
        let us = |us: i64| Timestamp::from_microsecond(1_700_000_000_000_000 + us).unwrap();
        for (unit_us, first) in [(1, us(5_000)), (1, us(5_001)), (250, us(5_000)), (250, us(5_001))] {
            let mut line = Timeline::default();
            line.run(Some(unit_us));
            assert_eq!(line.at(5_000, first), 0);
            line.run(None);
            assert_eq!(line.at(0, first + Duration::from_secs(2)), 2_000_000 - i64::from(unit_us));
        }
    }

    #[test]
    fn a_run_began_where_its_clock_showed_zero_or_as_its_record_says_before_one_shows_it() {
        let mut line = Timeline::default();
        line.run(Some(1));
        line.at(0, wall(0));
        line.run(Some(1));
        assert_eq!(line.began_us(wall(3_000)), 3_000_000);
        assert_eq!(line.began_us(wall(-1)), 0, "the clock was set back");
        line.at(500, wall(5_000));
        assert_eq!(line.began_us(wall(3_000)), 5_000_000 - 1 - 500);
    }

    #[test]
    fn a_wall_clock_that_was_set_back_between_runs_is_told_of_and_counts_for_no_time() {
        let mut line = Timeline::default();
        line.at(0, wall(0));
        assert_eq!(line.set_back(wall(-1)), None, "within the run");
        line.run(None);
        assert_eq!(line.set_back(wall(0)), None);
        assert_eq!(line.set_back(wall(-1)), Some(Duration::from_millis(1)));
        assert_eq!(line.at(5_000, wall(-60_000)), 0);
    }

    #[test]
    fn no_time_is_too_long_for_it() {
        let mut line = Timeline::default();
        line.at(u64::MAX, Timestamp::MIN);
        line.run(None);
        line.at(u64::MAX, Timestamp::MAX);
        line.at(u64::MAX, Timestamp::MAX);
        line.run(None);
        line.at(0, Timestamp::MIN);
    }
}

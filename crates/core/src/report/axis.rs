//! A time axis on which all runs follow each other.
//!
//! The time between two runs is reduced to at most one unit, which is the length of the window. A chart then shows the
//! runs and not the weeks between them, and no window on the axis contains more attempts than one did in fact.

use jiff::Timestamp;

/// Converts the times of records to positions on the axis, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Axis {
    unit_us: u64,
    /// Position at which the current run's clock was zero; `None` before its first record.
    began_us: Option<u64>,
    last_us: u64,
    last_wall: Option<Timestamp>,
}

impl Axis {
    /// Starts a run, whose clock starts at zero.
    pub(super) fn run(&mut self, unit_us: u64) {
        self.unit_us = unit_us;
        self.began_us = None;
    }

    /// Returns the position of a record with the run clock `at_us` and the wall clock `wall`.
    pub(super) fn at(&mut self, at_us: u64, wall: Timestamp) -> u64 {
        let began_us = *self.began_us.get_or_insert_with(|| match self.last_wall {
            None => 0,
            Some(last) => {
                let passed_us = wall.as_microsecond() - last.as_microsecond();
                let idle_us = passed_us.saturating_sub(i64::try_from(at_us).unwrap_or(i64::MAX));
                // If the wall clock was set back, the idle time is unknown.
                let idle_us = u64::try_from(idle_us).unwrap_or(self.unit_us);
                self.last_us.saturating_add(idle_us.min(self.unit_us))
            }
        });
        let at = began_us.saturating_add(at_us);
        self.last_us = self.last_us.max(at);
        self.last_wall = Some(wall);
        at
    }

    /// Position at which the current run's clock was zero.
    pub(super) fn began_us(&self) -> u64 {
        self.began_us.unwrap_or(self.last_us)
    }

    /// Position of the last record.
    pub(super) fn last_us(&self) -> u64 {
        self.last_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
    }

    #[test]
    fn what_lies_between_two_runs_is_cut_down_to_a_unit() {
        let mut axis = Axis::default();
        axis.run(5_000_000);
        assert_eq!(axis.at(2_000_000, wall(0)), 2_000_000, "the first run begins where its clock does");
        axis.run(5_000_000);
        assert_eq!(axis.at(1_000_000, wall(86_400_000)), 2_000_000 + 5_000_000 + 1_000_000);
    }

    #[test]
    fn less_than_a_unit_between_two_runs_is_as_long_as_it_was() {
        let mut axis = Axis::default();
        axis.run(5_000_000);
        axis.at(2_000_000, wall(0));
        axis.run(5_000_000);
        assert_eq!(axis.at(1_000_000, wall(3_000)), 2_000_000 + 2_000_000 + 1_000_000);
        assert_eq!(axis.began_us(), 4_000_000);
    }

    #[test]
    fn a_wall_clock_that_was_set_back_counts_as_a_unit_and_none_is_too_long() {
        let mut axis = Axis::default();
        axis.run(7);
        axis.at(10, wall(0));
        axis.run(7);
        assert_eq!(axis.at(0, wall(-60_000)), 17);
        axis.at(u64::MAX, Timestamp::MAX);
        axis.run(7);
        assert_eq!(axis.at(u64::MAX, Timestamp::MIN), u64::MAX);
    }
}

//! The engine's side of the schedule: attempts start only within the hours.

use std::time::Duration;

use jiff::Timestamp;

use super::messages::Now;
use crate::schedule::Openings;

/// No attempt may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    /// When to check again.
    pub(super) check_at: Duration,
    /// When the hours open, according to the wall clock.
    pub(super) opens: Timestamp,
}

/// When attempts may start.
#[derive(Debug)]
pub(super) struct OpenHours {
    openings: Openings,
    known: Option<NextOpening>,
}

/// The next opening as of a moment, cached because calendar calculations are too expensive for every attempt.
#[derive(Debug, Clone, Copy)]
struct NextOpening {
    as_of: Timestamp,
    opens: Timestamp,
    until: Timestamp,
}

/// The maximum time between two checks of closed hours: the wall clock may be set, and the machine may sleep.
const MOST_BETWEEN_CHECKS: Duration = Duration::from_secs(60);

impl OpenHours {
    pub(super) fn new(openings: Openings) -> Self {
        Self { openings, known: None }
    }

    /// Whether the hours are closed now, and until when.
    pub(super) fn closed(&mut self, now: Now) -> Option<Closed> {
        self.openings.hours()?;
        let known = match self.known {
            Some(known) if (known.as_of..known.until).contains(&now.wall) => known,
            _ => {
                let (opens, until) = self.openings.next(now.wall);
                *self.known.insert(NextOpening { as_of: now.wall, opens, until })
            }
        };
        let wait = Duration::try_from(known.opens.duration_since(now.wall)).ok().filter(|wait| !wait.is_zero())?;
        Some(Closed { check_at: now.elapsed + wait.min(MOST_BETWEEN_CHECKS), opens: known.opens })
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(wall: &str, elapsed: u64) -> Now {
        Now { elapsed: Duration::from_secs(elapsed), wall: wall.parse().unwrap() }
    }

    fn hours(text: &str) -> OpenHours {
        let openings = Openings::new(Some(text.parse().unwrap()), TimeZone::UTC, Duration::from_secs(30)).unwrap();
        OpenHours::new(openings)
    }

    #[test]
    fn nothing_starts_outside_the_hours_nor_in_their_last_time_out() {
        let mut hours = hours("22:00-06:00");
        let opens = "2026-11-22T22:00:00Z".parse().unwrap();
        let closed = |check_at| Some(Closed { check_at: Duration::from_secs(check_at), opens });
        assert_eq!(hours.closed(at("2026-11-22T20:00:00Z", 5)), closed(65));
        assert_eq!(hours.closed(at("2026-11-22T21:59:50Z", 7190)), closed(7200));
        assert_eq!(hours.closed(at("2026-11-22T22:00:00Z", 7200)), None);
        assert_eq!(hours.closed(at("2026-11-23T05:59:29Z", 7200)), None);
        assert!(hours.closed(at("2026-11-23T05:59:30Z", 7201)).is_some());
    }

    #[test]
    fn a_clock_that_is_set_is_believed_at_the_next_look() {
        let mut hours = hours("22:00-06:00");
        assert_eq!(hours.closed(at("2026-11-22T23:00:00Z", 0)), None);
        assert!(hours.closed(at("2026-11-22T21:00:00Z", 1)).is_some(), "set back");
        assert_eq!(hours.closed(at("2026-11-22T22:30:00Z", 2)), None);
        assert!(hours.closed(at("2026-11-23T12:00:00Z", 3)).is_some(), "set forward");
    }

    #[test]
    fn without_hours_it_is_always_open() {
        let mut always = OpenHours::new(Openings::always());
        assert_eq!(always.closed(at("2026-11-22T12:00:00Z", 0)), None);
    }
}

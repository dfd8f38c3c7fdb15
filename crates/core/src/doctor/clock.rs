//! Findings about clocks.

use jiff::Timestamp;

use super::{Check, Finding, Setting};

/// The clocks of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocks {
    /// The wall clock.
    pub wall: Timestamp,
    /// The name of the machine's time zone, if known.
    pub zone: Option<String>,
    /// Whether the system has a clock that counts from boot and is the same for all processes.
    pub since_boot: bool,
}

/// Years in which this program can run. A clock outside this range is wrong.
const PLAUSIBLE_YEARS: std::ops::Range<i16> = 2026..2100;

/// Reports problems of the clocks.
pub fn clocks(clocks: &Clocks) -> Vec<Finding> {
    let Clocks { wall, zone, since_boot } = clocks;
    let wall = wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let year = clocks.wall.to_zoned_datetime(jiff::tz::TimeZone::UTC).year();
    let mut findings = vec![match (PLAUSIBLE_YEARS.contains(&year), zone) {
        (false, _) => Finding::problem(
            Check::Clock,
            format!("this machine's clock shows {wall}"),
            "set the clock (timedatectl set-ntp true); otherwise certificates are refused and the ledger's times are wrong",
        ),
        (true, Some(zone)) => Finding::ok(Check::Clock, format!("{wall}; this machine's time zone is {zone}")),
        (true, None) => Finding::warning(
            Check::Clock,
            format!("{wall}; this machine's time zone is not known"),
            "set a time zone if you limit the hours of posting",
        )
        .about(Setting::TimeZone),
    }];
    if !since_boot {
        findings.push(Finding::warning(
            Check::Clock,
            "this system has no clock that counts from boot",
            "runs share the limit by the wall clock; set it back only while no run is active",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level::{self, Ok, Problem, Warning};

    fn levels(wall: &str, zone: Option<&str>, since_boot: bool) -> Vec<Level> {
        let wall = wall.parse().unwrap();
        let found = clocks(&Clocks { wall, zone: zone.map(str::to_owned), since_boot });
        found.into_iter().map(|finding| finding.level).collect()
    }

    #[test]
    fn a_clock_that_was_never_set_is_a_problem_and_one_without_a_zone_a_warning() {
        assert_eq!(levels("2026-11-27T08:00:00Z", Some("Asia/Kolkata"), true), [Ok]);
        assert_eq!(levels("2026-11-27T08:00:00Z", None, true), [Warning]);
        assert_eq!(levels("1970-01-01T00:00:09Z", Some("UTC"), true), [Problem]);
        assert_eq!(levels("2150-01-01T00:00:00Z", None, true), [Problem]);
    }

    #[test]
    fn a_system_without_a_clock_since_boot_is_warned_of() {
        assert_eq!(levels("2026-11-27T08:00:00Z", Some("UTC"), false), [Ok, Warning]);
    }
}

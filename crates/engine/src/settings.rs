//! The settings of a run that a later `resume` needs. Settings that exist are valid.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fields::FixedField;
use crate::limit::Limit;
use crate::schedule::{self, Hours};

/// How attempts are spread within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// The whole window at once, as soon as slots are free: a small batch finishes soonest.
    Burst,
    /// One attempt every window / count.
    Even,
}

/// How to judge an unexplained 500.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On500 {
    /// Not created, as the API's documentation states: try again.
    #[default]
    Retry,
    /// Possibly created: the row is in doubt.
    Hold,
}

/// What to do with a row that is identical to an earlier one of the same input.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// Post it as a separate job.
    #[default]
    Post,
    /// Skip it.
    Skip,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_false(value: &bool) -> bool {
    !value
}

impl OnDuplicate {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The budget that a run takes its slots from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// The account's: all runs that post to it with the same state folder keep its limits together.
    #[default]
    Shared,
    /// The run's own, independent of all other runs, even earlier ones.
    Private,
}

/// How a run posts. Each run's settings are recorded in the ledger; they contain no secret. Later versions
/// add settings: end a struct expression with `..Settings::of(&target)`. There is no `Default`, since each
/// API has [its own limits](crate::api::Api::limits) and those of another may be too high.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The limits, which apply together. Empty only for a target on this machine.
    pub limits: Vec<Limit>,
    /// Whether the account's budget is shared.
    #[serde(default)]
    pub budget: Sharing,
    /// The folder of the shared budgets, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// How attempts are spread within a window; if not set, chosen by the batch's size.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// The maximum number of attempts in flight, from 1; if not set, derived from the limits.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The maximum time to wait for an attempt's complete reply.
    #[serde(default = "usual_wait", with = "human_duration")]
    pub timeout: Duration,
    /// How long an interrupted run waits for replies in flight.
    #[serde(default = "usual_wait", with = "human_duration")]
    pub grace: Duration,
    /// The maximum number of attempts for a row in one run, from 1.
    #[serde(default = "usual_attempts")]
    pub max_attempts: u32,
    /// The maximum duration of an outage before the run ends, from 0.
    #[serde(default = "usual_give_up_after", with = "human_duration")]
    pub give_up_after: Duration,
    /// How to judge an unexplained 500.
    #[serde(default)]
    pub on_500: On500,
    /// Whether to record and skip invalid rows.
    #[serde(default)]
    pub skip_invalid: bool,
    /// Whether each note ends with the job's [reference](crate::job::Key::reference).
    #[serde(default)]
    pub marker: bool,
    /// Fields that every note has besides its own, or that replace default ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FixedField>,
    /// The hours in which the run posts; if not set, always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The IANA name of the hours' time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether to end instead of waiting for hours to open, or for more than a minute for a slot.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_wait: bool,
    /// What to do with rows that are identical to an earlier one.
    #[serde(default, skip_serializing_if = "OnDuplicate::is_default")]
    pub duplicates: OnDuplicate,
}

const fn usual_wait() -> Duration {
    Duration::from_secs(30)
}

const fn usual_attempts() -> u32 {
    5
}

const fn usual_give_up_after() -> Duration {
    Duration::from_secs(15 * 60)
}

impl Settings {
    /// Default settings with these limits. [`Settings::of`] uses the limits of a target.
    pub fn under(limits: Vec<Limit>) -> Self {
        Self {
            limits,
            budget: Sharing::Shared,
            state_dir: None,
            spread: None,
            concurrency: None,
            timeout: usual_wait(),
            grace: usual_wait(),
            max_attempts: usual_attempts(),
            give_up_after: usual_give_up_after(),
            on_500: On500::Retry,
            skip_invalid: false,
            marker: false,
            fields: Vec::new(),
            hours: None,
            time_zone: None,
            no_wait: false,
            duplicates: OnDuplicate::Post,
        }
    }
}

/// What to do with rows that are in doubt from an earlier run. It is set for each run and never stored.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// Do not send them.
    #[default]
    Hold,
    /// Send them again, at the risk of a second note.
    Retry,
}

/// What to do with a row whose ticket has a note that is posted or in doubt and no longer in the input: most
/// likely its text was edited after it was posted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum OnChanged {
    /// Hold it until a person decides.
    #[default]
    Hold,
    /// Post it.
    Post,
}

/// What to do with rows that another ledger of the account has as posted or in doubt.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum OnKnown {
    /// Do not start the run.
    #[default]
    Refuse,
    /// Skip them.
    Skip,
    /// Post them anyway.
    Post,
}

/// A batch that can finish within this time is posted in bursts, which finish soonest.
const SMALL_BATCH: Duration = Duration::from_secs(10 * 60);

/// The maximum number of attempts in flight if no limit is smaller.
const MOST_AT_ONCE: u32 = 256;

impl Settings {
    /// The maximum number of attempts in flight: as set, else the count of the smallest limit, at most 256.
    pub fn concurrency(&self) -> u32 {
        let smallest = self.limits.iter().map(|limit| limit.count()).min();
        self.concurrency.unwrap_or_else(|| smallest.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE)).max(1)
    }

    /// Whether slots come from a shared budget.
    pub fn shares(&self) -> bool {
        self.budget == Sharing::Shared && !self.limits.is_empty()
    }

    /// How attempts are spread: as set; else in bursts, if `to_do` rows can finish within ten minutes; else
    /// evenly. Even spacing finishes at the same time and leaves more room to other clients; it is also used
    /// if the number of rows is unknown.
    pub fn spread(&self, to_do: Option<u64>) -> Spread {
        let small = to_do.is_some_and(|rows| self.best_finish(rows, Duration::ZERO) <= SMALL_BATCH);
        self.spread.unwrap_or(if small { Spread::Burst } else { Spread::Even })
    }

    /// The earliest time at which `rows` requests can finish under every limit, if each takes `round_trip`.
    pub fn best_finish(&self, rows: u64, round_trip: Duration) -> Duration {
        schedule::soonest(&self.limits, rows, round_trip)
    }
}

/// Durations as `30s`, the notation of the command line.
pub(crate) mod human_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_and_fill_in_what_is_missing_but_for_limits() {
        let settings = Settings { max_attempts: 9, ..Settings::under(vec!["2/1s".parse().unwrap()]) };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        let first: Settings = serde_json::from_str(r#"{"limits":["2/1s"],"max_attempts":9}"#).unwrap();
        assert_eq!(first, settings);
        assert!(serde_json::from_str::<Settings>("{}").is_err(), "without limits anything might be sent");
    }

    #[test]
    fn small_batches_burst_and_large_or_unknown_ones_spread() {
        let settings = Settings::under(vec!["25/5s".parse().unwrap()]);
        assert_eq!(settings.spread(Some(3000)), Spread::Burst);
        assert_eq!(settings.spread(Some(3100)), Spread::Even);
        assert_eq!(settings.spread(None), Spread::Even);
        assert_eq!(Settings { spread: Some(Spread::Burst), ..settings }.spread(None), Spread::Burst);
    }

    #[test]
    fn concurrency_follows_the_smallest_limit() {
        let of = |limits: &[&str]| {
            Settings::under(limits.iter().map(|limit| limit.parse().unwrap()).collect()).concurrency()
        };
        assert_eq!([of(&["25/5s"]), of(&["25/5s", "3/1d"]), of(&["1000/1s"]), of(&[])], [25, 3, 256, 256]);
    }
}

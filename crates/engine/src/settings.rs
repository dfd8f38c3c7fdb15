//! What a run is asked to do, as far as a later `resume` must know it. Settings that exist are valid.

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
    /// The whole window at once, as soon as slots are free: a small batch ends soonest.
    Burst,
    /// One every window / count.
    Even,
}

/// What to take an unexplained 500 for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On500 {
    /// Not created, as the API's documentation has it: try again.
    #[default]
    Retry,
    /// Perhaps created after all: hold the row in doubt.
    Hold,
}

/// What to do with a row exactly like an earlier one of the same input.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// It is a job of its own.
    #[default]
    Post,
    /// Pass over it.
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

/// Whose the budget is that a run takes its slots from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// The account's: all runs that post to it and use the same state folder keep its limits together.
    #[default]
    Shared,
    /// The run's own: it knows of no other, nor of those before it.
    Private,
}

/// How a run posts. Kept in the ledger with each run; holds no secret. There will be more of them: write
/// `..Settings::of(&target)` behind those that you set. There are none without a target: each has
/// [limits of its own](crate::api::Api::limits), and another's would be too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The limits that hold all at once; none only for a target on this machine.
    pub limits: Vec<Limit>,
    /// Whether the account's budget is shared.
    #[serde(default)]
    pub budget: Sharing,
    /// The folder of the shared budgets, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// How attempts are spread within a window; by the batch's size where it is not said.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// The most attempts under way at once, from 1; by the limits where it is not said.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The longest that an attempt waits for its whole reply.
    #[serde(default = "usual_wait", with = "human_duration")]
    pub timeout: Duration,
    /// How long an interrupted run waits for replies in flight.
    #[serde(default = "usual_wait", with = "human_duration")]
    pub grace: Duration,
    /// How often a row is tried in one run, from 1.
    #[serde(default = "usual_attempts")]
    pub max_attempts: u32,
    /// How long an outage is waited out, from 0.
    #[serde(default = "usual_give_up_after", with = "human_duration")]
    pub give_up_after: Duration,
    /// What an unexplained 500 is taken for.
    #[serde(default)]
    pub on_500: On500,
    /// Whether rows of which no job can be made are recorded and passed over.
    #[serde(default)]
    pub skip_invalid: bool,
    /// Whether each note ends with the job's [reference](crate::job::Key::reference).
    #[serde(default)]
    pub marker: bool,
    /// Fields that every note has besides its own, or that replace the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FixedField>,
    /// The hours in which it posts; always, where none are said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The time zone of the hours, by its IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether it ends rather than waits for hours to open, or for longer than a minute for a slot.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_wait: bool,
    /// What to do with rows exactly like an earlier one.
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
    /// With nothing asked for but these limits. [`Settings::of`] takes those of a target.
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

/// What to do with rows that are in doubt from an earlier run. Asked for anew in each run, never remembered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// Leave them alone.
    #[default]
    Hold,
    /// Send them again, at the risk of a second note.
    Retry,
}

/// What to do with a row whose ticket has a posted or doubtful note that is no longer in the input: most likely its
/// text was edited after it was posted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum OnChanged {
    /// Hold it until a person has decided.
    #[default]
    Hold,
    /// Post it.
    Post,
}

/// What to do with rows that another ledger of the same target knows as posted or in doubt.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum OnKnown {
    /// Do not begin.
    #[default]
    Refuse,
    /// Pass over them.
    Skip,
    /// Post them all the same.
    Post,
}

/// A batch that can end within this is posted in bursts: it ends soonest.
const SMALL_BATCH: Duration = Duration::from_secs(10 * 60);

/// The most attempts under way at once where nothing else is said.
const MOST_AT_ONCE: u32 = 256;

impl Settings {
    /// The most attempts under way at once: as asked, else the smallest limit's size, at most 256.
    pub fn concurrency(&self) -> u32 {
        let smallest = self.limits.iter().map(|limit| limit.count()).min();
        self.concurrency.unwrap_or_else(|| smallest.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE)).max(1)
    }

    /// Whether slots are taken from a budget that other runs share.
    pub fn shares(&self) -> bool {
        self.budget == Sharing::Shared && !self.limits.is_empty()
    }

    /// How attempts are spread: as asked, else in bursts for a batch of `to_do` rows that ends within ten minutes,
    /// and evenly for a longer one (the same finish, kinder to others on the account) or one of unknown length.
    pub fn spread(&self, to_do: Option<u64>) -> Spread {
        let small = to_do.is_some_and(|rows| self.best_finish(rows, Duration::ZERO) <= SMALL_BATCH);
        self.spread.unwrap_or(if small { Spread::Burst } else { Spread::Even })
    }

    /// The soonest that `rows` requests can all have been answered under every limit, when each takes `round_trip`.
    pub fn best_finish(&self, rows: u64, round_trip: Duration) -> Duration {
        schedule::soonest(&self.limits, rows, round_trip)
    }
}

/// Durations as `30s`, so that the ledger reads as the command line does.
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

//! The forecast finish of a run, in words and for JSON.

use std::time::Duration;

use batchpost::batch::RunRequest;
use batchpost::runtime::wall;
use batchpost::schedule::{Forecast, Load, Schedule};
use jiff::Timestamp;

use crate::summary::thousands;

/// Windows of this length or more affect the finish more than the current rate does.
pub(crate) const LONG_WINDOW: Duration = Duration::from_secs(60);

/// Formats the use of a limit: `4,210 of 10000/1d`.
pub(crate) fn used(load: &Load, now: Timestamp) -> String {
    format!("{} of {}", thousands(load.used(now)), load.limit)
}

/// The forecast of a run.
pub(crate) struct Finish {
    plan: Schedule,
    now: Timestamp,
    forecast: Forecast,
}

impl Finish {
    /// Forecasts `rows` rows posted from now on.
    pub(crate) fn of(run_request: &RunRequest, rows: u64) -> Self {
        let (plan, now) = (run_request.plan(), wall());
        let forecast = plan.forecast(rows, now);
        Self { plan, now, forecast }
    }

    /// Forecasts at a rate in rows per second, without the plan.
    pub(crate) fn by_rate(run_request: &RunRequest, rows: u64, rate: f64) -> Self {
        let now = wall();
        // Cap at ten years, so that sums of times do not overflow.
        let time = Duration::from_secs_f64((rows as f64 / rate).min(3e8));
        let done_at = now.checked_add(time).unwrap_or(Timestamp::MAX);
        let plan = Schedule {
            limits: Vec::new(),
            openings: run_request.openings.clone(),
            concurrency: 1,
            round_trip: Duration::ZERO,
        };
        Self { plan, now, forecast: Forecast { done_at, days: 1 } }
    }

    /// The remaining time.
    pub(crate) fn time(&self) -> Duration {
        Duration::try_from(self.forecast.done_at.duration_since(self.now)).unwrap_or_default()
    }

    /// The moment of the last reply for JSON; `None` beyond the calendar.
    pub(crate) fn done_at(&self) -> Option<Timestamp> {
        let done_at = Timestamp::from_second(self.forecast.done_at.as_second()).ok()?;
        (self.forecast.done_at < Timestamp::MAX).then_some(done_at)
    }

    /// The number of openings of the hours that the run needs.
    pub(crate) fn nights(&self) -> u32 {
        self.forecast.days
    }

    /// Formats the use of each limit whose window is a minute or longer: `4,210 of 10000/1d`.
    pub(crate) fn used(&self) -> impl Iterator<Item = String> {
        let long = self.plan.limits.iter().filter(|load| load.limit.window() >= LONG_WINDOW);
        long.map(|load| used(load, self.now))
    }

    /// `done about 03:40 tomorrow`
    pub(crate) fn moment(&self) -> String {
        if self.forecast.done_at == Timestamp::MAX {
            return "would never finish".to_owned();
        }
        format!("done {}", self.forecast.in_words(&self.plan.openings, self.now))
    }

    /// `in about 20s, done about 03:40 tomorrow`
    pub(crate) fn in_words(&self) -> String {
        if self.forecast.done_at == Timestamp::MAX {
            return self.moment();
        }
        let time = humantime::format_duration(Duration::from_secs(self.time().as_secs().max(1)));
        format!("in about {time}, {}", self.moment())
    }
}

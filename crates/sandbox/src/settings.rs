//! What a sandbox is set to.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::FaultRule;

/// How the limit's windows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Any interval of the window's length, both of its ends included: the strictest reading there is.
    Sliding,
    /// Windows end to end, each without its last moment, one of them beginning at `phase`.
    Fixed {
        /// When one window begins; the others follow and precede it.
        phase: Duration,
    },
}

/// The API that is simulated.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// LeadSquared's internal note.
    #[default]
    LeadSquared,
    /// Freshdesk's notes on tickets.
    Freshdesk,
}

/// What a [`Model`](crate::Model) is set to. The default is the documented API: 25 calls in 5 seconds, nothing going
/// wrong.
#[derive(Clone)]
pub struct Settings {
    /// The API that it simulates.
    pub api: Api,
    /// Calls that one window allows; without a limit, all are accepted.
    pub limit: Option<u32>,
    /// The window's length. The report measures in it, whether or not there is a limit.
    pub window: Duration,
    /// How the windows lie.
    pub counting: Counting,
    /// Whether a call that was refused for the limit uses the budget too.
    pub refused_count: bool,
    /// Calls of other clients at random times, which count against the limit: their number in a time, on average. They
    /// have no replies.
    pub strangers: Option<(u32, Duration)>,
    /// The fault rules. If several match a request, one by its number wins, else one by its ticket, else one by
    /// probability; among equals the first.
    pub faults: Vec<FaultRule>,
    /// How long requests and replies travel together. An empty range means its start.
    pub latency: RangeInclusive<Duration>,
    /// What the faults with a Retry-After ask for; rounded up to whole seconds.
    pub retry_after: Duration,
    /// What decides every draw.
    pub seed: u64,
    /// The access key that is asked for, Freshdesk's API key; without one, any or none will do.
    pub access_key: Option<String>,
    /// The secret key that is asked for; without one, any or none will do.
    pub secret_key: Option<String>,
}

impl Settings {
    /// The limit that the API documents, in [`Settings::WINDOW`].
    pub const LIMIT: u32 = 25;
    /// The window that the API documents.
    pub const WINDOW: Duration = Duration::from_secs(5);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api: Api::LeadSquared,
            limit: Some(Self::LIMIT),
            window: Self::WINDOW,
            counting: Counting::Sliding,
            refused_count: false,
            strangers: None,
            faults: Vec::new(),
            latency: Duration::from_millis(20)..=Duration::from_millis(120),
            retry_after: Duration::from_secs(1),
            seed: 0,
            access_key: None,
            secret_key: None,
        }
    }
}

/// By hand, for the keys may be real ones, and are not to reach a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("api", &self.api)
            .field("limit", &self.limit)
            .field("window", &self.window)
            .field("counting", &self.counting)
            .field("refused_count", &self.refused_count)
            .field("strangers", &self.strangers)
            .field("faults", &self.faults)
            .field("latency", &self.latency)
            .field("retry_after", &self.retry_after)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_never_printed() {
        let key = || Some("s3cret".to_owned());
        let settings = Settings { access_key: key(), secret_key: key(), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}

//! The settings of a sandbox.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::FaultRule;

/// The position of the limit's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Any interval of the window's length, both ends included: the strictest interpretation.
    Sliding,
    /// Consecutive windows, each without its end point, one of which begins at `phase`.
    Fixed {
        /// When one window begins; the others are before and after it.
        phase: Duration,
    },
}

/// The simulated API.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// LeadSquared's internal note.
    #[default]
    LeadSquared,
    /// Freshdesk's notes on tickets.
    Freshdesk,
}

/// The settings of a [`Model`](crate::Model). The default is the documented API: 25 calls in 5 seconds,
/// without faults.
#[derive(Clone)]
pub struct Settings {
    /// The simulated API.
    pub api: Api,
    /// The maximum number of calls in one window; without a limit, all are accepted.
    pub limit: Option<u32>,
    /// The window's length. The report uses it even without a limit.
    pub window: Duration,
    /// The position of the windows.
    pub counting: Counting,
    /// Whether a call that the limit refused counts against it too.
    pub refused_count: bool,
    /// Calls of other clients at random times, which count against the limit: their mean number in a time.
    /// They get no replies.
    pub other_clients: Option<(u32, Duration)>,
    /// The fault rules. If several match a request, one by its number wins, else one by its ticket, else one
    /// by probability; among equals the first.
    pub faults: Vec<FaultRule>,
    /// How long requests and replies are in transit together. For an empty range, its start is used.
    pub latency: RangeInclusive<Duration>,
    /// The wait that the faults with a Retry-After request; rounded up to whole seconds.
    pub retry_after: Duration,
    /// The seed of all random choices.
    pub seed: u64,
    /// The required access key, or Freshdesk's API key; if not set, any or none is accepted.
    pub access_key: Option<String>,
    /// The required secret key; if not set, any or none is accepted.
    pub secret_key: Option<String>,
}

impl Settings {
    /// The limit that the API documents, per [`Settings::WINDOW`].
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
            other_clients: None,
            faults: Vec::new(),
            latency: Duration::from_millis(20)..=Duration::from_millis(120),
            retry_after: Duration::from_secs(1),
            seed: 0,
            access_key: None,
            secret_key: None,
        }
    }
}

/// Written by hand to leave out the keys: they may be real and must not reach a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("api", &self.api)
            .field("limit", &self.limit)
            .field("window", &self.window)
            .field("counting", &self.counting)
            .field("refused_count", &self.refused_count)
            .field("other_clients", &self.other_clients)
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

//! One run on an account with other clients: how much of the room that they leave it uses, and how many of
//! their calls it displaces.

use std::fmt;
use std::time::Duration;

use batchpost_apis::leadsquared::LeadSquared;
use batchpost_engine::api::Api;
use batchpost_engine::settings::Spread;
use batchpost_sandbox::Counting;

use crate::sharing::{Part, Rough, share};

/// How the server counts, and how often other clients call.
#[derive(Debug, Clone, Copy)]
pub struct Company {
    /// The mean number of other clients' calls per window.
    pub other_clients: u32,
    /// Whether windows are fixed.
    pub fixed: bool,
    /// Whether refused calls count.
    pub refused_count: bool,
    /// How the run spreads its attempts at first.
    pub spread: Spread,
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The fraction of all rows that were posted.
    pub posted: f64,
    /// The posted rows as a fraction of what the limit leaves besides the other clients' calls.
    pub used: f64,
    /// The refused fraction of all attempts.
    pub refused: f64,
    /// The refused fraction of the other clients' calls.
    pub other_clients_refused: f64,
}

/// Posts this many rows besides these other clients, with LeadSquared's limit.
pub fn in_company(seed: u64, rows: u64, company: Company) -> Outcome {
    let limit = LeadSquared.limits()[0];
    let window = limit.window();
    let phase = window.mul_f64(fastrand::Rng::with_seed(seed).f64());
    let rough = Rough {
        other_clients: Some((company.other_clients, window)),
        counting: if company.fixed { Counting::Fixed { phase } } else { Counting::Sliding },
        refused_count: company.refused_count,
        ..Rough::default()
    };
    let part = Part { at: Duration::ZERO, rows, limits: vec![limit], spread: company.spread };
    let shared = share(seed, &[part], &rough);
    let report = shared.server.report();
    let ratio = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let left = f64::from(limit.count() - company.other_clients) * shared.ended[0].as_secs_f64() / window.as_secs_f64();
    Outcome {
        posted: report.notes as f64 / rows as f64,
        used: report.notes as f64 / left,
        refused: ratio(report.refused, report.requests),
        other_clients_refused: ratio(report.other_clients_refused, report.other_clients),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { posted, used, refused, other_clients_refused } = self;
        let [posted, used, refused, theirs] = [posted, used, refused, other_clients_refused].map(|share| 100.0 * share);
        write!(f, "posted {posted:.0}%, room used {used:5.1}%, refused {refused:4.1}%, strangers refused {theirs:4.1}%")
    }
}

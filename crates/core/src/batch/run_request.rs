//! What a run is asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::source::Source;
use crate::api::{Api, Endpoint, RequestTemplate, RequestTemplateError};
use crate::input::Options;
use crate::ledger::Caller;
use crate::planning::{ReadPolicy, SampleSizes};
use crate::runtime::budget;
use crate::runtime::state::StateFolders;
use crate::schedule::{Load, Openings, Schedule, TooShort};
use crate::settings::Settings;

/// What a run is asked for. There will be more of it: set what is to differ from what [`RunRequest::new`] gives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// Where the rows come from.
    pub source: Source,
    /// How they are written, and what is made of them.
    pub options: Options,
    /// Where the ledger is, or is to be.
    pub ledger: PathBuf,
    /// What is to be posted, and what to do with rows in doubt.
    pub policy: ReadPolicy,
    /// The API, and what a note's request to it looks like.
    pub request_template: RequestTemplate,
    /// When attempts may start.
    pub openings: Openings,
    /// How to post.
    pub settings: Settings,
    /// Name and version of the program, for the ledger.
    pub tool: String,
    /// Who asks for it, for the ledger.
    pub caller: Option<Caller>,
    /// How many rows the survey names.
    pub named: SampleSizes,
    /// The folder whose ledgers are asked for rows to send that they know; by default the ledger's own.
    pub history: Option<PathBuf>,
    /// Where runs keep together what they share: the budgets of accounts, and what they know of each other's rows. None will
    /// do for a run without a limit, or with a [private](crate::settings::Sharing) budget; only the ledgers in a folder are
    /// asked then what they know.
    pub state: StateFolders,
    /// Rows that were sent before this moment, in seconds since 1970, do not count as known.
    pub known_since_s: u32,
    /// The folder for the job file, which holds what was read of the input; by default the ledger's own.
    pub scratch: Option<PathBuf>,
}

/// What may be done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Look only: nothing is locked, mended or written.
    Look,
    /// Post: no other run may use it.
    Post,
}

/// What is used of the limits of `settings` by all runs for the account `target`, as far as the budget that they share
/// in `state` tells; of a private budget nothing is known.
pub fn loads(settings: &Settings, target: &str, state: &StateFolders) -> Vec<Load> {
    let state = if settings.shares() { state.choose(target).ok() } else { None };
    let loads = state.and_then(|state| budget::loads(&state, target, &settings.limits, settings.timeout));
    loads.unwrap_or_else(|| settings.limits.iter().copied().map(Load::from).collect())
}

/// A guess, for estimates.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(200);

/// Why there is no order by these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunRequestError {
    /// They have fields that the API's notes have not.
    #[error(transparent)]
    RequestTemplate(#[from] RequestTemplateError),
    /// They have no time in which anything is sent.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// Nothing is known of the time zone that they name.
    #[error("unknown time zone {name:?}: {source}")]
    Zone {
        /// Its name.
        name: String,
        /// What the zone database says.
        source: jiff::Error,
    },
    /// They name none, and nothing is known of this machine's.
    #[error("cannot determine this machine's time zone: {0}")]
    NoZone(jiff::Error),
}

/// When attempts may start by `settings`.
///
/// # Errors
///
/// When the hours are too short for an attempt, or are in a time zone that is not known here.
fn openings(settings: &Settings) -> Result<Openings, RunRequestError> {
    let Some(hours) = settings.hours else { return Ok(Openings::always()) };
    let zone = match &settings.time_zone {
        Some(name) => TimeZone::get(name).map_err(|source| RunRequestError::Zone { name: name.clone(), source })?,
        None => TimeZone::try_system().map_err(RunRequestError::NoZone)?,
    };
    Ok(Openings::new(Some(hours), zone, settings.timeout)?)
}

impl RunRequest {
    /// The order to post the rows of `source` to `endpoint`, an account's at `target`, with nothing else asked for: to hold
    /// what is in doubt or seems edited, and to refuse what another ledger beside this one knows.
    ///
    /// A [shared](crate::settings::Sharing) budget needs [`state`](Self::state), the same folder for all runs.
    ///
    /// # Errors
    ///
    /// When the settings have fields that the API's notes have not, or hours that cannot be kept.
    pub fn new(
        target: Arc<dyn Api>,
        endpoint: &Endpoint,
        settings: Settings,
        ledger: PathBuf,
        source: Source,
        options: Options,
    ) -> Result<Self, RunRequestError> {
        Self::for_account(target, endpoint.as_str(), settings, ledger, source, options)
    }

    /// The same for the account that ledgers are to know as `account`, where no endpoint's URL can be its name: the port
    /// of a stand-in changes from run to run.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn for_account(
        target: Arc<dyn Api>,
        account: &str,
        settings: Settings,
        ledger: PathBuf,
        source: Source,
        options: Options,
    ) -> Result<Self, RunRequestError> {
        let request_template = RequestTemplate::new(target, &settings.fields, settings.marker)?;
        let identity = request_template.identity(account);
        Ok(Self {
            source,
            options,
            ledger,
            policy: ReadPolicy { identity, duplicates: settings.duplicates, ..ReadPolicy::default() },
            request_template,
            openings: openings(&settings)?,
            settings,
            tool: concat!("batchpost ", env!("CARGO_PKG_VERSION")).to_owned(),
            // Another program's command line may hold what belongs in no ledger.
            caller: None,
            named: SampleSizes { notes: 20, jobs: 3 },
            history: None,
            state: StateFolders::default(),
            known_since_s: 0,
            scratch: None,
        })
    }

    /// How rows will be posted, as far as that is known: with what the account has sent of late, where its budget is
    /// shared.
    pub fn plan(&self) -> Schedule {
        let settings = &self.settings;
        Schedule {
            limits: loads(settings, self.policy.identity.account(), &self.state),
            openings: self.openings.clone(),
            concurrency: settings.concurrency(),
            round_trip: USUAL_ROUND_TRIP,
        }
    }
}

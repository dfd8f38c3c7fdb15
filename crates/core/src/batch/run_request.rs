//! The request for a run.

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

/// The request for a run. Fields may be added: create it with [`RunRequest::new`] and change fields as
/// needed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// Source of the rows.
    pub source: Source,
    /// How to read the rows and build notes from them.
    pub options: Options,
    /// Path of the ledger, which may not exist yet.
    pub ledger: PathBuf,
    /// Which rows to post, and what to do with rows in doubt.
    pub policy: ReadPolicy,
    /// The API, and the template of its requests.
    pub request_template: RequestTemplate,
    /// When attempts may start.
    pub openings: Openings,
    /// How to post.
    pub settings: Settings,
    /// Name and version of the program, for the ledger.
    pub tool: String,
    /// The caller of the run, for the ledger.
    pub caller: Option<Caller>,
    /// Number of sample rows in the read summary.
    pub named: SampleSizes,
    /// The folder searched for other ledgers that may know rows to send; by default the ledger's own.
    pub history: Option<PathBuf>,
    /// The folders for the state that runs share: account budgets and known rows. Not needed for a run
    /// without a limit or with a [private](crate::settings::Sharing) budget. Without it, only the ledgers in
    /// a folder are compared.
    pub state: StateFolders,
    /// Rows sent before this time, in seconds since 1970, do not count as known.
    pub known_since_s: u32,
    /// The folder for the job file, which contains what was read from the input; by default the ledger's own.
    pub scratch: Option<PathBuf>,
}

/// How a ledger may be accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read only: nothing is locked, repaired or written.
    Look,
    /// Post: the ledger is locked against other runs.
    Post,
}

/// Returns how much of the limits of `settings` all runs for the account `target` are using, according to the
/// shared budget in `state`. The use of a private budget is unknown.
pub fn loads(settings: &Settings, target: &str, state: &StateFolders) -> Vec<Load> {
    let state = if settings.shares() { state.choose(target).ok() } else { None };
    let loads = state.and_then(|state| budget::loads(&state, target, &settings.limits, settings.timeout));
    loads.unwrap_or_else(|| settings.limits.iter().copied().map(Load::from).collect())
}

/// An assumed round trip, for estimates.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(200);

/// Why no run request can be made from these settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunRequestError {
    /// The API's notes do not have one of the fields.
    #[error(transparent)]
    RequestTemplate(#[from] RequestTemplateError),
    /// The hours are too short for an attempt.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// The time zone is unknown.
    #[error("unknown time zone {name:?}: {source}")]
    Zone {
        /// The name of the time zone.
        name: String,
        /// The error of the time zone database.
        source: jiff::Error,
    },
    /// The settings name no time zone, and this machine's is unknown.
    #[error("cannot determine this machine's time zone: {0}")]
    NoZone(jiff::Error),
}

/// Returns when attempts may start with these `settings`.
///
/// # Errors
///
/// If the hours are too short for an attempt, or their time zone is unknown.
fn openings(settings: &Settings) -> Result<Openings, RunRequestError> {
    let Some(hours) = settings.hours else { return Ok(Openings::always()) };
    let zone = match &settings.time_zone {
        Some(name) => TimeZone::get(name).map_err(|source| RunRequestError::Zone { name: name.clone(), source })?,
        None => TimeZone::try_system().map_err(RunRequestError::NoZone)?,
    };
    Ok(Openings::new(Some(hours), zone, settings.timeout)?)
}

impl RunRequest {
    /// Creates a request to post the rows of `source` to `endpoint`, with the default policy: rows that are
    /// in doubt or seem edited are held, and the run is refused if another ledger in the folder knows rows to
    /// send.
    ///
    /// A [shared](crate::settings::Sharing) budget needs [`state`](Self::state), the same folder for all
    /// runs.
    ///
    /// # Errors
    ///
    /// If the settings have fields that the API's notes do not have, or hours in which no attempt fits.
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

    /// Like [`new`](Self::new), with `account` as the account's name in ledgers. For endpoints whose URL
    /// cannot be that name, such as a stand-in server whose port changes from run to run.
    ///
    /// # Errors
    ///
    /// Like [`new`](Self::new).
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
            // The command line of another program may contain secrets.
            caller: None,
            named: SampleSizes { notes: 20, jobs: 3 },
            history: None,
            state: StateFolders::default(),
            known_since_s: 0,
            scratch: None,
        })
    }

    /// Returns how rows will be posted, as far as known. For a shared budget, this includes what the account
    /// sent recently.
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

//! The seam to an API: the request of a note, the meaning of a reply, and what both need to know.
//!
//! An [`Api`] is pure: it turns a note into a request and a reply into a verdict. All that a verdict depends
//! on is passed as arguments. The [engine](crate::engine) uses the verdicts to decide what to send, retry or
//! pause for, and when. The implementations are in another crate.

mod endpoint;
mod fields;
mod judgement;
mod request_template;

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderName;

pub use endpoint::{Endpoint, EndpointError, repeatable};
pub use fields::{FieldSpec, Fields, Kind};
pub use judgement::{Context, Judgement};
pub use request_template::{Note, RequestTemplate, RequestTemplateError};

use crate::job::{Job, Ticket, TicketError};
use crate::limit::Limit;
use crate::settings::Settings;
use crate::transport::{Reply, Request};

/// An API that accepts notes on tickets.
///
/// The most important duty of an implementation: [`judge`](Self::judge) returns posted, or not created, only
/// if that is certain.
pub trait Api: fmt::Debug + Send + Sync + 'static {
    /// The API's permanent name in ledgers, in lower case, such as `leadsquared`. Only a run for the same API
    /// can resume a ledger.
    fn name(&self) -> &'static str;

    /// The fields of a note.
    fn fields(&self) -> Fields;

    /// Parses a ticket id as people write it. Most APIs use [numbers](Ticket::number) or
    /// [words](Ticket::text).
    ///
    /// # Errors
    ///
    /// If the text is not an id of this API.
    fn ticket(&self, text: &str) -> Result<Ticket, TicketError>;

    /// The request that posts a note.
    fn request(&self, note: &Note<'_>) -> Request;

    /// Judges a reply to the note of `job`. Total: anything unrecognised is
    /// [unknown](crate::outcome::Verdict::Unknown). A row wrongly judged done is lost; a row wrongly sent
    /// again is posted twice.
    fn judge(&self, reply: &Reply, job: &Job, context: Context) -> Judgement;

    /// The default limits of an account, which apply together; used by [`Settings::of`].
    fn limits(&self) -> Vec<Limit>;

    /// The names of the secrets that authenticate the sender, as shown when asking for them.
    fn credentials(&self) -> &'static [&'static str];

    /// The headers that carry the secrets, each with a different name. The secrets are in the order of
    /// [`credentials`](Self::credentials) and are valid in a header. The contents of these headers are kept
    /// out of ledgers and logs, like the secrets themselves.
    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)>;
}

impl Settings {
    /// Default settings for posting to an API, with its own limits.
    pub fn of(target: &dyn Api) -> Self {
        Self::under(target.limits())
    }
}

/// The value of an `Authorization` header for basic authentication.
///
/// ```
/// assert_eq!(batchpost_engine::api::basic_auth("key", "X"), "Basic a2V5Olg=");
/// ```
pub fn basic_auth(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
pub(crate) mod desk;

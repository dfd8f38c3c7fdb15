//! The seam to an API: what a note's request is, what a reply means, and what both need to be known.
//!
//! An [`Api`] is pure: it makes a request of a note and a verdict of a reply, and is told all that a verdict depends
//! on. What is sent when, tried again or paused for is the [engine](crate::engine)'s to decide, by the verdicts;
//! the APIs themselves are elsewhere.

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

/// An API that takes notes on tickets.
///
/// Whoever implements it answers for one thing above all: that [`judge`](Self::judge) takes nothing for posted, or for
/// not created, that may be otherwise.
pub trait Api: fmt::Debug + Send + Sync + 'static {
    /// The API's name, by which ledgers know it for ever: lower case, like `leadsquared`. A ledger is continued only by
    /// a run whose target has the name that it was begun with.
    fn name(&self) -> &'static str;

    /// The fields of a note.
    fn fields(&self) -> Fields;

    /// The ticket that a text means, as people write its id; most APIs take [numbers](Ticket::number) or
    /// [words](Ticket::text).
    ///
    /// # Errors
    ///
    /// For a text that is no id of this API.
    fn ticket(&self, text: &str) -> Result<Ticket, TicketError>;

    /// The request that posts a note.
    fn request(&self, note: &Note<'_>) -> Request;

    /// What a reply to the note of `job` means. Total: of what it does not know it says
    /// [unknown](crate::outcome::Verdict::Unknown), since a row that is wrongly taken for done is lost and one that is
    /// wrongly sent again is there twice.
    fn judge(&self, reply: &Reply, job: &Job, context: Context) -> Judgement;

    /// What an account may send, where nothing else is said: [`Settings::of`] this target. All of these hold at once.
    fn limits(&self) -> Vec<Limit>;

    /// The secrets that prove who posts, by the names that people are asked for them.
    fn credentials(&self) -> &'static [&'static str];

    /// The headers that carry the secrets, each of another name. The secrets come in the order of
    /// [`credentials`](Self::credentials) and can all stand in a header. Whatever is in these headers is kept out of ledgers and logs like the secrets themselves.
    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)>;
}

impl Settings {
    /// How notes are posted to an API where nothing else is said: under its own limits.
    pub fn of(target: &dyn Api) -> Self {
        Self::under(target.limits())
    }
}

/// The value of an `Authorization` header with these, as many APIs take their keys.
///
/// ```
/// assert_eq!(batchpost::api::basic_auth("key", "X"), "Basic a2V5Olg=");
/// ```
pub fn basic_auth(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
pub(crate) mod desk;

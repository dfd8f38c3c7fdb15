//! LeadSquared's internal note on a ticket: the built-in API.
//!
//! The facts come from LeadSquared's documentation of its Service CRM. Replies known only from its other APIs
//! are recognised too, but nothing relies on them.

mod endpoint;
mod judge;
mod note;

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderName;

pub use endpoint::{endpoint, tenant};

use batchpost_engine::api::{Api, Context, FieldSpec, Fields, Judgement, Kind, Note};
use batchpost_engine::job::{Job, Ticket, TicketError};
use batchpost_engine::limit::Limit;
use batchpost_engine::transport::{Reply, Request};

/// The LeadSquared API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadSquared;

/// The API's name in ledgers. A ledger that names no API was created before there was another one, and uses
/// this one.
pub const NAME: &str = "leadsquared";

/// The documented limit: 25 requests in 5 seconds.
const COUNT: NonZeroU32 = NonZeroU32::new(25).expect("25 is not zero");
const WINDOW: Duration = Duration::from_secs(5);

const TEXT: &str = "TextPart";
const ACTIVITY_TYPE: &str = "ActivityType";
const STORAGE_TYPE: &str = "StorageType";
const TICKET: &str = "RelatedTicketId";

impl Api for LeadSquared {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fields(&self) -> Fields {
        Fields::new(FieldSpec::new(TICKET, Kind::Number), TEXT)
            .with(FieldSpec::new(ACTIVITY_TYPE, Kind::Text).required().usually("CreateInternalNote"))
            // The documentation's sample and table have this spelling.
            .with(FieldSpec::new(STORAGE_TYPE, Kind::Text).required().usually("Permament"))
            .and_others()
    }

    fn ticket(&self, text: &str) -> Result<Ticket, TicketError> {
        Ticket::number(text)
    }

    fn request(&self, note: &Note<'_>) -> Request {
        Request::post(note::body(note))
    }

    fn judge(&self, reply: &Reply, job: &Job, context: Context) -> Judgement {
        judge::judge(reply, &job.ticket, context)
    }

    fn limits(&self) -> Vec<Limit> {
        vec![Limit::new(COUNT, WINDOW).expect("five seconds are a window")]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["access key", "secret key"]
    }

    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
        const NAMES: [HeaderName; 2] =
            [HeaderName::from_static("x-lsq-access-key"), HeaderName::from_static("x-lsq-secret-key")];
        NAMES.into_iter().zip(secrets).map(|(name, secret)| (name, (*secret).to_owned())).collect()
    }
}

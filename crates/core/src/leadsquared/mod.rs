//! LeadSquared's internal note on a ticket: the target that comes with the crate.
//!
//! Facts about the API come from LeadSquared's documentation of its Service CRM; what was only seen on its other APIs
//! is recognised as well, and relied on nowhere.

mod endpoint;
mod judge;
mod note;

use http::HeaderName;

pub use endpoint::{endpoint, tenant};

use crate::job::{Job, Ticket, TicketError};
use crate::limit::Limit;
use crate::target::{Context, FieldSpec, Fields, Judgement, Kind, Note, Target};
use crate::transport::{Reply, Request};

/// The API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadSquared;

/// Its name in ledgers. One that names no API is of this one: they were begun before there was another.
pub const NAME: &str = "leadsquared";

const TEXT: &str = "TextPart";
const ACTIVITY_TYPE: &str = "ActivityType";
const STORAGE_TYPE: &str = "StorageType";
const TICKET: &str = "RelatedTicketId";

impl Target for LeadSquared {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fields(&self) -> Fields {
        Fields::new(FieldSpec::new(TICKET, Kind::Number), TEXT)
            .with(FieldSpec::new(ACTIVITY_TYPE, Kind::Text).required().usually("CreateInternalNote"))
            // Spelt so in the documentation's sample and in its table.
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
        vec![Limit::LEADSQUARED]
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

//! The target: LeadSquared's internal note on a ticket. Turns a job into a request and a reply into a verdict.
//!
//! Facts about the API come from LeadSquared's documentation of its Service CRM; what was only seen on its other APIs
//! is recognised as well, and relied on nowhere.

mod endpoint;
mod form;
mod judge;
mod retry_after;

pub use endpoint::{Endpoint, EndpointError};
pub use form::{Form, FormError};
pub use judge::{Context, Judgement, judge, judge_failure};
pub use retry_after::retry_after;

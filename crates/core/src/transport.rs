//! The seam to the outside: one request goes out, and either a reply comes back or something is known of why not.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

/// One HTTP request, ready to be sent to the batch's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The JSON body.
    pub body: Bytes,
}

/// What came back, whole. Headers that decide nothing are left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` as it was written.
    pub retry_after: Option<String>,
    /// `Date` as it was written: an HTTP-date in `Retry-After` is counted from it.
    pub date: Option<String>,
    /// The body, decoded, up to the transport's bound. It is judged, and never quoted where `quotable` is there.
    pub body: Bytes,
    /// The body without the credentials, where it repeats them.
    pub quotable: Option<Bytes>,
}

/// Why no whole reply came back. The difference decides whether a row may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Certain: no byte of the request left (refused, DNS, TLS).
    #[error("not sent: {0}")]
    Unsent(String),
    /// At least one byte may have left and no whole reply was read: the note may or may not exist.
    #[error("no reply: {0}")]
    NoReply(String),
}

/// Sends requests. Implementations never send a request twice and never follow a redirect.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` once and reads the whole reply.
    ///
    /// Ends within [`Transport::timeout`]. Dropping the future ends the attempt with its fate unknown.
    fn send(&self, request: Request) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// The longest that [`Transport::send`] takes. An attempt without a reply keeps its slots for so much longer.
    fn timeout(&self) -> Duration;
}

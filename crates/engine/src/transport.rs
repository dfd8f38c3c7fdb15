//! The seam to the network: sends one request and returns a reply, or the reason why there is none.

mod retry_after;

pub use retry_after::retry_after;

use std::future::Future;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Method;
use http::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use url::Url;

/// One HTTP request, ready to be sent to the batch's [endpoint](crate::api::Endpoint).
///
/// It contains no host and no credentials; the transport adds both. So a request that an
/// [API](crate::api::Api) makes of a row cannot send the keys to another host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// `POST` by default.
    pub method: Method,
    /// The path below the endpoint's own.
    pub path: Path,
    /// Headers besides the credentials. `Content-Type` is `application/json` if it is not among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A `POST` of this body to the endpoint itself.
    pub fn post(body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, path: Path::default(), headers: HeaderMap::new(), body: body.into() }
    }

    /// The same request to a path below the endpoint.
    #[must_use]
    pub fn at<'a>(self, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self { path: Path::of(segments), ..self }
    }
}

/// A path below an endpoint's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// The path of these segments. Each is escaped, so that it stays one segment whatever it contains.
    /// Dropped are `.` and `..`, which would leave the base path, and empty segments, except for an empty
    /// last one: it ends the path with a slash.
    pub fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut segments = segments.into_iter().peekable();
        let mut kept = Vec::new();
        while let Some(segment) = segments.next() {
            let is_kept = if segment.is_empty() { segments.peek().is_none() } else { !matches!(segment, "." | "..") };
            kept.extend(is_kept.then(|| segment.to_owned()));
        }
        Self(kept)
    }

    /// `base` with this path appended. Scheme, host and port stay those of `base`, whatever the segments
    /// contain.
    pub(crate) fn below(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if !self.0.is_empty()
            && let Ok(mut path) = url.path_segments_mut()
        {
            // A base that ends in a slash has an empty last segment.
            path.pop_if_empty().extend(&self.0);
        }
        url
    }
}

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers. They may repeat the credentials: use them for the verdict, but do not quote them.
    pub headers: HeaderMap,
    /// The body, decoded and without a byte order mark, up to the transport's maximum size. Use it for the
    /// verdict. Do not quote it if `quotable` is set.
    pub body: Bytes,
    /// The body with the credentials removed, if the body repeats them.
    pub quotable: Option<Bytes>,
}

/// Some servers start UTF-8 text with it; JSON parsers reject it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Reply {
    /// A reply without headers. A byte order mark at the start of the body is removed.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let mut body = body.into();
        if body.starts_with(BYTE_ORDER_MARK) {
            body.advance(BYTE_ORDER_MARK.len());
        }
        Self { status, body, ..Self::default() }
    }

    /// The same reply with one more header. An invalid header is ignored.
    #[must_use]
    pub fn with(mut self, name: impl TryInto<HeaderName>, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (name.try_into(), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The header's value, if present and text; if there are several, the first.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The part of the body that may be quoted.
    pub fn quotable(&self) -> &Bytes {
        self.quotable.as_ref().unwrap_or(&self.body)
    }

    /// The wait that `Retry-After` requests, at most a year. `None` if the header is missing, unreadable, or
    /// requests no wait. `wall` is the wall clock, for a date in a reply without a `Date` header.
    pub fn retry_after(&self, wall: Timestamp) -> Option<Duration> {
        retry_after(self.header(RETRY_AFTER)?, self.header(DATE), wall)
    }
}

/// Why there is no complete reply. It decides whether a row may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Certain: no byte of the request was sent (refused, DNS, TLS).
    #[error("not sent: {0}")]
    Unsent(String),
    /// At least one byte may have been sent and no complete reply was read: the note may or may not exist.
    #[error("no reply: {0}")]
    NoReply(String),
}

/// Sends requests. Implementations never send a request twice and never follow a redirect.
///
/// A run sends on its own thread, in a single-threaded tokio runtime that ends with the run and in which the
/// transport is dropped. So the transport must not depend on another runtime that it does not own. It must
/// not block: that would delay all other attempts, and a run that must end at once.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` once and reads the whole reply.
    ///
    /// Ends within [`Transport::timeout`]. Dropping the future ends the attempt with an unknown result.
    fn send(&self, request: Request) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// The maximum duration of [`Transport::send`]. An attempt without a reply keeps its slots for this much
    /// longer.
    fn timeout(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, segments: &[&str]) -> String {
        Path::of(segments.iter().copied()).below(&Url::parse(base).unwrap()).to_string()
    }

    #[test]
    fn a_path_goes_below_the_endpoints_own() {
        assert_eq!(url("https://h/x/y", &[]), "https://h/x/y");
        assert_eq!(url("https://h", &["api", "v2", "7"]), "https://h/api/v2/7");
        assert_eq!(url("https://h/", &["api"]), "https://h/api");
        assert_eq!(url("https://h/desk/", &["api"]), "https://h/desk/api");
        assert_eq!(url("https://h/desk", &["api", "7"]), "https://h/desk/api/7");
    }

    #[test]
    fn a_path_ends_in_a_slash_where_its_last_segment_is_empty() {
        for (base, wanted) in [("https://h", "https://h/api/notes/"), ("https://h/desk/", "https://h/desk/api/notes/")]
        {
            assert_eq!(url(base, &["api", "notes", ""]), wanted);
        }
        assert_eq!(url("https://h/x", &[""]), "https://h/x/");
        assert_eq!(url("https://h/x/", &[""]), "https://h/x/");
        assert_eq!(url("https://h/x/", &[]), "https://h/x/", "the endpoint as it was given");
        assert_eq!(url("https://h/x", &["", "a", "", ".."]), "https://h/x/a");
    }

    #[test]
    fn no_segment_leads_out_of_its_place() {
        for odd in ["..", ".", "", "//evil.test", "/../../x", "@evil.test", "?q=1", "#f", "%2e%2e", "\\evil.test", ":1"]
        {
            let url = Path::of(["a", odd, "b"]).below(&Url::parse("https://h:8443/base").unwrap());
            assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("h"), Some(8443)), "{odd:?}");
            assert!(url.path().starts_with("/base/a/") && url.path().ends_with("/b"), "{odd:?}: {url}");
            assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty(), "{odd:?}: {url}");
            let depth = url.path_segments().unwrap().count();
            assert_eq!(depth, if matches!(odd, ".." | "." | "") { 3 } else { 4 }, "{odd:?}: {url}");
        }
    }
}

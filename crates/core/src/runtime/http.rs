//! The transport over HTTP: reqwest with nothing done behind our back.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Proxy, redirect, retry};

use super::caller::masked;
use super::credentials::Credentials;
use super::resolver::SystemResolver;
use super::tls::{self, TlsError};
use crate::api::Endpoint;
use crate::transport::{Failure, Reply, Request, Transport};

/// More of a reply than this is not read: a success is 130 bytes, and what is longer is judged by its beginning.
const REPLY_BOUND_BYTES: usize = 64 << 10;

/// The longest that a connection may take to be made. A refusal to connect is known to have sent nothing; running
/// into the whole time-out is not.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Below the 5 seconds after which many servers close an idle connection: one that closes under a request leaves its
/// row in doubt for nothing.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// How requests get out. There will be more of them: set those that differ from the default.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct HttpOptions {
    /// A proxy to go through; without it none is used, whatever the environment says.
    pub proxy: Option<String>,
    /// A file of PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may hold a password.
        let proxy = self.proxy.as_deref().map(masked);
        f.debug_struct("HttpOptions").field("proxy", &proxy).field("ca_file", &self.ca_file).finish()
    }
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The proxy's URL is no good. Its value is not repeated: it may hold a password.
    #[error("the proxy URL is invalid")]
    Proxy,
    /// Plain http is for this machine only, and a proxy need not be on it.
    #[error("plain http through a proxy would send the access keys unencrypted")]
    ProxyInTheOpen,
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Posts to one endpoint with one user's keys.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    endpoint: Endpoint,
    credentials: Arc<Credentials>,
    timeout: Duration,
}

impl Http {
    /// A transport to `endpoint`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the proxy or the certificates cannot be used.
    pub fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        timeout: Duration,
        options: &HttpOptions,
    ) -> Result<Self, HttpError> {
        if options.proxy.is_some() && !endpoint.as_str().starts_with("https:") {
            return Err(HttpError::ProxyInTheOpen);
        }
        let tls = tls::client(options.ca_file.as_deref())?;
        let client = builder(&credentials, timeout, options)?.tls_backend_preconfigured(tls).build()?;
        Ok(Self { client, endpoint, credentials: Arc::new(credentials), timeout })
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Failure> {
        let Request { method, path, headers, body, .. } = request;
        let sent = self.client.request(method, self.endpoint.url(&path)).headers(headers).body(body).send().await;
        let mut response = sent.map_err(|error| {
            if is_unsent(&error) { Failure::Unsent(plain(&error)) } else { Failure::NoReply(plain(&error)) }
        })?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        while body.len() < REPLY_BOUND_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(Failure::NoReply(format!("{status}, then cut short: {}", plain(&error)))),
            }
        }
        body.truncate(REPLY_BOUND_BYTES);
        let mut reply = Reply::new(status, body.freeze());
        // Beside the body and not in its place: a short key may be part of what says that the note was created.
        reply.quotable = self.credentials.redact(&reply.body).map(Bytes::from);
        reply.headers = headers;
        Ok(reply)
    }
}

impl Transport for Http {
    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        self.exchange(request).await
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn builder(
    credentials: &Credentials,
    timeout: Duration,
    options: &HttpOptions,
) -> Result<reqwest::ClientBuilder, HttpError> {
    let mut headers = credentials.headers().clone();
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let builder = Client::builder()
        .user_agent(concat!("batchpost/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .timeout(timeout)
        // Well below the whole time-out, which began earlier and would win: nothing was sent, and no doubt is due.
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_idle_timeout(POOL_IDLE)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .dns_resolver(SystemResolver)
        .no_proxy();
    match &options.proxy {
        Some(url) => Ok(builder.proxy(Proxy::all(url).map_err(|_| HttpError::Proxy)?)),
        None => Ok(builder),
    }
}

/// Whether it is certain that no byte of the request was written. Of any other error nobody can tell: what the system took
/// may have arrived.
fn is_unsent(error: &reqwest::Error) -> bool {
    // There was no connection yet that could have taken the request: it could not be made, or had ended when it was.
    let without_connection =
        |cause: &hyper_util::client::legacy::Error| cause.is_connect() || cause.connect_info().is_none();
    causes(error).any(|cause| {
        cause.downcast_ref().is_some_and(without_connection)
            // The connection had ended before it took the request from its queue, and gave it back.
            || cause.downcast_ref().is_some_and(hyper::Error::is_canceled)
    })
}

/// What an error came from, the nearest first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
}

/// An error with its causes in one line, without the URL: messages repeat it once, not for every row.
fn plain(error: &reqwest::Error) -> String {
    let mut said = Vec::new();
    for cause in causes(error) {
        said.push(cause.to_string());
        if speaks_no_tls(cause) {
            said.push("the server does not use TLS on this port; check the port".to_owned());
        }
    }
    if error.is_timeout() {
        said.push("timed out".to_owned());
    }
    said.dedup();
    if said.is_empty() { "the request failed".to_owned() } else { said.join(": ") }
}

/// Whether this is what rustls says of bytes that are no TLS. An `io::Error` stands in for the error that it holds.
fn speaks_no_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = cause;
    while let Some(held) = cause.downcast_ref().and_then(std::io::Error::get_ref) {
        cause = held;
    }
    matches!(cause.downcast_ref(), Some(rustls::Error::InvalidMessage(_)))
}

#[cfg(test)]
mod tests;

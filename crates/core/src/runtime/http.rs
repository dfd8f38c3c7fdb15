//! The transport over HTTP: reqwest without retries, redirects or other implicit behaviour.

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

/// Maximum length of a reply that is read. A success has 130 bytes, and a longer reply is judged by its
/// start.
const REPLY_BOUND_BYTES: usize = 64 << 10;

/// Maximum time to connect. A connection failure is known to have sent nothing; exceeding the whole timeout
/// is not.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter than the 5 seconds after which many servers close an idle connection. A connection that closes
/// during a request leaves its row in doubt.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// How requests are sent. Fields may be added: change those that differ from the default.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The URL of the proxy. Without it no proxy is used; environment variables are ignored.
    pub proxy: Option<String>,
    /// A file of PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may contain a password.
        let proxy = self.proxy.as_deref().map(masked);
        f.debug_struct("HttpOptions").field("proxy", &proxy).field("ca_file", &self.ca_file).finish()
    }
}

/// Why no client could be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The proxy's URL is invalid. The message omits it, because it may contain a password.
    #[error("the proxy URL is invalid")]
    Proxy,
    /// Plain http is allowed to this machine only, and a proxy may be on another one.
    #[error("plain http through a proxy would send the access keys unencrypted")]
    ProxyInTheOpen,
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Posts to one endpoint with the keys of one user.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    endpoint: Endpoint,
    credentials: Arc<Credentials>,
    timeout: Duration,
}

impl Http {
    /// Creates a transport to `endpoint`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If the proxy or the certificates cannot be used.
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
        // In addition to the body: a short key may be part of the text that shows that the note was created.
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
        // Well below the whole timeout, which started earlier and would expire first: a connection failure
        // means that nothing was sent, so the row is not in doubt.
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

/// Whether it is certain that no byte of the request was written. After any other error it is unknown,
/// because bytes that the system accepted may have arrived.
fn is_unsent(error: &reqwest::Error) -> bool {
    // No connection took the request: it failed, or ended before that.
    let without_connection =
        |cause: &hyper_util::client::legacy::Error| cause.is_connect() || cause.connect_info().is_none();
    causes(error).any(|cause| {
        cause.downcast_ref().is_some_and(without_connection)
            // The connection ended before it took the request from its queue, and returned the request.
            || cause.downcast_ref().is_some_and(hyper::Error::is_canceled)
    })
}

/// Returns the causes of an error, the nearest first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
}

/// Formats an error and its causes in one line without the URL, which messages give once and not for every
/// row.
fn plain(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    for cause in causes(error) {
        texts.push(cause.to_string());
        if speaks_no_tls(cause) {
            texts.push("the server does not use TLS on this port; check the port".to_owned());
        }
    }
    if error.is_timeout() {
        texts.push("timed out".to_owned());
    }
    texts.dedup();
    if texts.is_empty() { "the request failed".to_owned() } else { texts.join(": ") }
}

/// Whether this is the error of rustls for a peer that does not speak TLS. An `io::Error` hides the error
/// that it contains.
fn speaks_no_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = cause;
    while let Some(held) = cause.downcast_ref().and_then(std::io::Error::get_ref) {
        cause = held;
    }
    matches!(cause.downcast_ref(), Some(rustls::Error::InvalidMessage(_)))
}

#[cfg(test)]
mod tests;

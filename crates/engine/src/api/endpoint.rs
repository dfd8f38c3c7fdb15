//! The URL that notes are posted to, checked before any key could be sent there.

use std::fmt;

use url::{Host, Url};

use crate::transport::Path;

/// The URL at or below which an account's notes are posted: https, or plain http to this machine. Contains no
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a URL is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a URL.
    #[error("{url:?} is not a URL: {why}")]
    NotAUrl {
        /// The given text.
        url: String,
        /// The parser's error.
        why: String,
    },
    /// Plain http to another machine: keys would be sent unencrypted.
    #[error("{0} is plain http to another machine, so the access keys would be sent unencrypted; use https")]
    PlainHttp(String),
    /// A scheme that is not HTTP.
    #[error("the scheme {0:?} is not supported; use https")]
    Scheme(String),
    /// The URL has parts that must not reach ledgers or logs.
    #[error("the URL must not contain a user name, a password, a query or a fragment: keys belong in the environment")]
    Extras,
    /// A host name or tenant that is not valid in a URL.
    #[error("{text:?} is not a valid {what}; pass {example}")]
    Part {
        /// `host` or `tenant`.
        what: &'static str,
        /// The given text.
        text: String,
        /// What to pass, with an example.
        example: &'static str,
    },
}

/// Returns a rejected address for use in a message, or `(hidden)`: a user name, query or fragment may contain
/// a password or a key.
pub fn repeatable(text: &str) -> String {
    if text.contains(['@', '?', '#', ';', '=']) { "(hidden)".to_owned() } else { text.to_owned() }
}

impl Endpoint {
    /// Parses the URL of an endpoint.
    ///
    /// # Errors
    ///
    /// If the text is not a URL, is plain http to another machine, or has parts other than scheme, host, port
    /// and path.
    pub fn from_url(text: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(text)
            .map_err(|error| EndpointError::NotAUrl { url: repeatable(text), why: error.to_string() })?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Extras);
        }
        let endpoint = Self(url);
        match endpoint.0.scheme() {
            "https" => Ok(endpoint),
            "http" if endpoint.is_loopback() => Ok(endpoint),
            "http" => Err(EndpointError::PlainHttp(endpoint.to_string())),
            scheme => Err(EndpointError::Scheme(scheme.to_owned())),
        }
    }

    /// Whether requests stay on this machine.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The URL of a request to `path` below the endpoint. Always on the same host, whatever `path` contains.
    pub fn url(&self, path: &Path) -> Url {
        path.below(&self.0)
    }

    /// The URL as text; ledgers identify the account by it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for url in ["http://127.0.0.1:8080/x", "http://127.9.9.9/x", "http://[::1]:1/x", "http://localhost/x"] {
            assert!(Endpoint::from_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.test/x",
            "http://10.0.0.1/x",
            "http://127.0.0.1.example.test/x",
            "http://localhost.example.test/x",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
        ] {
            assert!(Endpoint::from_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_url_that_could_hold_a_secret_is_refused_and_not_repeated() {
        let refused = ["https://u:hunter2@h/x", "https://h/x?accessKey=hunter2", "https://h/x#hunter2"];
        for url in refused.into_iter().chain(["u:hunter2@", "h/x?accessKey=hunter2", "h/x#hunter2"]) {
            let error = Endpoint::from_url(url).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

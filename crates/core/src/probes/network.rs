//! Probes the connection to the API's host without sending a request.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::doctor::{self, Check, Finding, Handshake, Setting, TlsTrouble};
use crate::runtime::clock::Clock;
use crate::runtime::http::{CONNECT_TIMEOUT, HttpError, HttpOptions};
use crate::runtime::resolver::addresses;
use crate::runtime::tls;

/// Probes the connection to `url` step by step: name, connection, proxy tunnel, TLS handshake. Stops at the
/// first step that fails. Uses the same proxy and trusted certificates as requests. `remedy` is the advice if
/// the host has no address; it depends on where the URL came from.
pub async fn reach(url: &str, remedy: &str, options: &HttpOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    NetworkProbe { remedy, options, findings: &mut findings }.go(url).await;
    findings
}

struct NetworkProbe<'a> {
    remedy: &'a str,
    options: &'a HttpOptions,
    findings: &'a mut Vec<Finding>,
}

impl NetworkProbe<'_> {
    /// Returns `None` after a step that failed, whose finding has been added.
    async fn go(&mut self, url: &str) -> Option<()> {
        let url = Url::parse(url).ok()?;
        let to = Peer::of(&url)?;
        let private = url.scheme() == "https";
        let config = match tls::client(self.options.ca_file.as_deref()) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                let finding = Finding::problem(Check::Tls, error.to_string(), "check the certificate file");
                return self.stop(finding.about(Setting::CaFile));
            }
        };
        let stream = match &self.options.proxy {
            None => self.connect(&to, false).await?,
            Some(_) if !private => {
                let found = HttpError::ProxyInTheOpen.to_string();
                let finding = Finding::problem(Check::Proxy, found, "use https, or no proxy");
                return self.stop(finding.about(Setting::Proxy));
            }
            Some(proxy) => self.through(proxy, &to).await?,
        };
        if !private {
            self.findings.push(Finding::ok(Check::Tls, "none; plain http is allowed on this machine only"));
            return Some(());
        }
        self.shake_hands(&to, config, stream).await
    }

    fn stop(&mut self, finding: Finding) -> Option<()> {
        self.findings.push(finding);
        None
    }

    async fn connect(&mut self, to: &Peer, proxy: bool) -> Option<TcpStream> {
        let addresses = within(CONNECT_TIMEOUT, addresses(to.host.clone(), to.port)).await;
        if to.host.parse::<IpAddr>().is_err() {
            let named = match &addresses {
                Ok(addresses) => Ok(addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>()),
                Err(error) => Err(error.to_string()),
            };
            let remedy = if proxy { "check the proxy's host name" } else { self.remedy };
            let finding = doctor::name(&to.host, named.as_deref().map_err(Clone::clone), remedy);
            self.findings.push(if proxy { finding.about(Setting::Proxy) } else { finding });
        }
        let clock = Clock::start();
        let mut made = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
        for address in addresses.ok().filter(|addresses| !addresses.is_empty())? {
            made = within(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
            if made.is_ok() {
                break;
            }
        }
        let result = made.as_ref().map(|_| clock.now().elapsed);
        self.findings.push(doctor::connection(&to.in_words(), result, proxy));
        made.ok()
    }

    /// Connects to `to` through the proxy at the URL `proxy`. Findings do not contain the URL, which may
    /// include a password.
    async fn through(&mut self, proxy: &str, to: &Peer) -> Option<TcpStream> {
        let url = Url::parse(proxy).ok().filter(Url::has_host).or_else(|| Url::parse(&format!("http://{proxy}")).ok());
        let Some((url, peer)) = url.and_then(|url| Some((url.clone(), Peer::of(&url)?))) else {
            let advice = "write it like http://proxy.example:3128";
            let finding = Finding::problem(Check::Proxy, HttpError::Proxy.to_string(), advice);
            self.stop(finding.about(Setting::Proxy));
            return None;
        };
        let mut stream = self.connect(&peer, true).await?;
        if url.scheme() != "http" || !url.username().is_empty() {
            let found = format!("{} is reachable; a connection through it was not tested", peer.in_words());
            let advice = "test it with one row; proxies with a password or TLS are not tested here";
            self.stop(Finding::warning(Check::Proxy, found, advice).about(Setting::First));
            return None;
        }
        match within(CONNECT_TIMEOUT, tunnel(&mut stream, to)).await {
            Ok(()) => {
                self.findings
                    .push(Finding::ok(Check::Proxy, format!("{} connects to {}", peer.in_words(), to.in_words())));
                Some(stream)
            }
            Err(error) => {
                let found = format!("{} does not connect to {}: {error}", peer.in_words(), to.in_words());
                self.stop(Finding::problem(Check::Proxy, found, "ask its operator to allow this connection"));
                None
            }
        }
    }

    async fn shake_hands(&mut self, to: &Peer, config: Arc<ClientConfig>, stream: TcpStream) -> Option<()> {
        let clock = Clock::start();
        let ca_file = self.options.ca_file.is_some();
        let name = ServerName::try_from(to.host.clone()).ok()?;
        let made = within(CONNECT_TIMEOUT, TlsConnector::from(config).connect(name, stream)).await;
        let finding = match made {
            Ok(mut stream) => {
                let version = stream.get_ref().1.protocol_version().map(|version| format!("{version:?}"));
                let handshake = Handshake { version, took: clock.now().elapsed };
                // Closes the TLS session politely. A failure does not matter.
                stream.shutdown().await.ok();
                doctor::tls(&to.host, Ok(&handshake), ca_file)
            }
            Err(error) => doctor::tls(&to.host, Err((trouble(&error), &error.to_string())), ca_file),
        };
        self.findings.push(finding);
        Some(())
    }
}

/// A host and its port.
struct Peer {
    host: String,
    port: u16,
}

impl Peer {
    fn of(url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Some(Self { host, port: url.port_or_known_default()? })
    }

    fn in_words(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Requests a tunnel to `to` from a proxy.
async fn tunnel(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), to: &Peer) -> io::Result<()> {
    const LONGEST_ANSWER: usize = 8 << 10;
    let to = to.in_words();
    stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: the bytes after the response head belong to the target.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < LONGEST_ANSWER {
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some(status) if line.starts_with("HTTP/1.") && status.starts_with('2') => Ok(()),
        Some(status) if line.starts_with("HTTP/1.") => Err(io::Error::other(format!("it replies {status}"))),
        _ => Err(io::Error::other("the reply is not from an HTTP proxy")),
    }
}

fn trouble(error: &io::Error) -> TlsTrouble {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) else {
        return TlsTrouble::Other;
    };
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsTrouble::Time,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsTrouble::OtherHost
            }
            _ => TlsTrouble::Issuer,
        },
        rustls::Error::InvalidMessage(_) => TlsTrouble::NoTls,
        _ => TlsTrouble::Other,
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

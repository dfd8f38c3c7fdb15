//! TLS and proxies: `doctor` trusts the same certificates as requests do, and no others.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::{Api, Folder, Ran, quick, texts};

/// A server in front of an API, in this process.
struct Front {
    address: SocketAddr,
    /// The number of connections passed on.
    passed: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Front {
    fn start() -> (Self, TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        (Self { address, passed: Arc::default(), _runtime: runtime }, listener)
    }

    /// Serves TLS for `api` with a certificate with these parameters. The issuer's certificate is written to
    /// `ca.pem` in `folder`.
    fn with_certificate(api: &Api, folder: &Folder, params: &CertificateParams) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        folder.write("ca.pem", authority.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(authority, key);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let (front, listener) = Self::start();
        let (to, passed) = (address(api), Arc::clone(&front.passed));
        front._runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, passed) = (acceptor.clone(), Arc::clone(&passed));
                tokio::spawn(async move {
                    // A client that does not trust the certificate disconnects.
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    passed.fetch_add(1, Ordering::SeqCst);
                    let mut outside = TcpStream::connect(to).await.unwrap();
                    copy_bidirectional(&mut inside, &mut outside).await.ok();
                });
            }
        });
        front
    }

    /// Serves TLS with a valid certificate for this machine.
    fn trusted(api: &Api, folder: &Folder) -> Self {
        Self::with_certificate(api, folder, &CertificateParams::new(["127.0.0.1".to_owned()]).unwrap())
    }

    /// An HTTP proxy that allows every request.
    fn proxy() -> Self {
        let (front, listener) = Self::start();
        let passed = Arc::clone(&front.passed);
        front._runtime.spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let passed = Arc::clone(&passed);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(inside.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let to = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
                    let mut outside = TcpStream::connect(to).await.unwrap();
                    passed.fetch_add(1, Ordering::SeqCst);
                    inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    copy_bidirectional(&mut inside, &mut outside).await.ok();
                });
            }
        });
        front
    }

    fn url(&self) -> String {
        format!("https://{}/api/tenants/1/internalnote/upload", self.address)
    }

    fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

fn address(api: &Api) -> SocketAddr {
    api.url().split('/').nth(2).unwrap().parse().unwrap()
}

/// The level and advice of `doctor` for `check`.
#[track_caller]
fn said(ran: &Ran, check: &str) -> (String, String) {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap();
    let finding: &Value =
        findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{report}"));
    (finding["level"].as_str().unwrap().to_owned(), finding["advice"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn whom_the_ca_file_vouches_for_is_posted_to_and_found_well_and_asked_nothing_by_the_doctor() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(5);
    let front = Front::trusted(&api, &folder);
    let ran =
        folder.call(&["doctor", "notes.csv", "--url", &front.url(), "--ca-file", "ca.pem", "--json"]).with_code(0);
    assert_eq!(said(&ran, "tls").0, "ok");
    assert_eq!((front.passed(), api.arrivals()), (1, 0), "a handshake and no request");
    folder.call(&["run", "notes.csv", "--url", &front.url(), "--ca-file", "ca.pem", "--limit", "500/1s"]).with_code(0);
    assert_eq!(api.texts(), texts(5));
}

#[test]
fn whom_nobody_vouches_for_is_not_posted_to_and_the_doctor_says_why() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(5);
    let front = Front::trusted(&api, &folder);
    let ran = folder.call(&["doctor", "notes.csv", "--url", &front.url(), "--json"]).with_code(2);
    let (level, advice) = said(&ran, "tls");
    assert!(level == "problem" && advice.contains("--ca-file"), "{advice}");
    folder.call(&["run", "notes.csv", "--url", &front.url(), "--give-up-after", "0s"]).with_code(75);
    assert_eq!((front.passed(), api.arrivals()), (0, 0));
}

#[test]
fn a_certificate_that_has_run_out_and_one_of_another_host_are_told_apart() {
    let api = Api::start(quick());
    let mut old = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    (old.not_before, old.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let another = CertificateParams::new(["api.example".to_owned()]).unwrap();
    for (params, word) in [(old, "clock"), (another, "for another name")] {
        let folder = Folder::with_rows(1);
        let front = Front::with_certificate(&api, &folder, &params);
        let arguments = ["doctor", "notes.csv", "--url", &front.url(), "--ca-file", "ca.pem", "--json"];
        let (level, advice) = said(&folder.call(&arguments).with_code(2), "tls");
        assert!(level == "problem" && advice.contains(word), "{advice}");
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn what_does_not_speak_tls_is_told() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    let url = api.url().replace("http:", "https:");
    let (level, advice) = said(&folder.call(&["doctor", "notes.csv", "--url", &url, "--json"]).with_code(2), "tls");
    assert!(level == "problem" && advice.contains("does not use TLS"), "{advice}");
    let ran = folder.call(&["run", "notes.csv", "--url", &url, "--give-up-after", "0"]).with_code(75);
    assert!(ran.stderr.contains("does not use TLS"), "{}", ran.stderr);
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn the_proxy_that_is_asked_for_is_gone_through_by_requests_and_by_the_doctor() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(5);
    let (front, proxy) = (Front::trusted(&api, &folder), Front::proxy());
    let through = format!("http://{}", proxy.address);
    let options = ["--url", &front.url(), "--ca-file", "ca.pem", "--proxy", &through];
    let ran = folder.call(&[&["doctor", "notes.csv", "--json"], &options[..]].concat()).with_code(0);
    assert_eq!((said(&ran, "proxy").0.as_str(), said(&ran, "tls").0.as_str()), ("ok", "ok"));
    assert_eq!((proxy.passed(), api.arrivals()), (1, 0));
    folder.call(&[&["run", "notes.csv", "--limit", "500/1s"], &options[..]].concat()).with_code(0);
    assert!(proxy.passed() > 1 && api.texts() == texts(5));
}

#[test]
fn a_ca_file_without_certificates_is_refused_by_both() {
    let folder = Folder::with_rows(1);
    folder.write("ca.pem", "none here");
    for command in ["run", "doctor"] {
        let arguments = [command, "notes.csv", "--url", "https://127.0.0.1:1/", "--ca-file", "ca.pem"];
        let ran = folder.call(&arguments).with_code(2);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("contains no certificates in PEM format"), "{ran:?}");
    }
}

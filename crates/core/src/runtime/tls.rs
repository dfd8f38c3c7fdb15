//! Sets up TLS and its trusted certificates, for requests and for the [doctor](super::doctor), which checks a
//! connection without sending a request.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate file cannot be read or is not PEM.
    #[error("cannot read certificates from {}: {source}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// The error.
        source: PemError,
    },
    /// The file has no certificate.
    #[error("{} contains no certificates in PEM format", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate cannot be used.
    #[error("a certificate in {} is invalid: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The error.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Returns the TLS configuration. It trusts the certificates in `ca_file`, or without one those of the system, or, if
/// the system has none, the built-in ones.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match ca_file {
        Some(path) => builder.with_root_certificates(certificates(path)?),
        None => match Verifier::new(provider) {
            Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
            Err(error) => {
                tracing::warn!(%error, "the system's certificates cannot be read; the built-in ones are used");
                builder.with_root_certificates(built_in())
            }
        },
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<RootCertStore, TlsError> {
    let bad = |source| TlsError::CaFile { path: path.to_owned(), source };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(bad)? {
        let certificate = certificate.map_err(bad)?;
        store.add(certificate).map_err(|source| TlsError::Certificate { path: path.to_owned(), source })?;
    }
    if store.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(store) }
}

fn built_in() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    store
}

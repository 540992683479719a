//! Who is trusted to be the endpoint, and what can be done when somebody is not.
//!
//! The authorities of the machine are trusted, and those in [`HttpOptions::ca_file`] besides: an endpoint
//! that somebody runs for themselves often has a certificate of an authority of their own, or one that
//! nobody signed. Nothing switches verification off.
//!
//! [`HttpOptions::ca_file`]: super::HttpOptions::ca_file

use std::{error::Error, fs::File, io, io::Read as _, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use super::options::SetupError;

/// Longest file of certificates in bytes: a bundle of every public authority is a quarter of it.
const MAX_FILE: u64 = 1 << 20;

/// How TLS is spoken, and who is trusted.
///
/// # Errors
/// `CaFile` for a file that cannot be read, holds none, or holds one that cannot be trusted; `Client` where this
/// machine's authorities cannot be.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let authorities = ca_file.map(authorities).transpose()?.unwrap_or_default();
    let failed = |error: rustls::Error| SetupError::Client { reason: error.to_string() };
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&crypto));
    let config = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        // Not less than the usual verification: that of the machine.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier.map_err(failed)?));
    Ok(config.with_no_client_auth())
}

/// The certificates in a file.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    read(path).map_err(|reason| SetupError::CaFile { path: path.into(), reason })
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("it is longer than {MAX_FILE} bytes"));
    }
    // Trusted once here: the verifier would refuse a bad one without saying which file it is from.
    let (mut trusted, mut certificates) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        certificates.push(certificate.clone());
        trusted.add(certificate).map_err(|error| error.to_string())?;
    }
    if certificates.is_empty() { Err("it holds none".into()) } else { Ok(certificates) }
}

/// What whoever runs this can do about a connection that was not made, if TLS is what failed.
pub(super) fn way_out(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |&error| behind(error));
    causes.find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(failure) => Some(of_tls(failure)),
        None => is_end(cause).then_some(
            "the connection ended in the TLS handshake; check that the port is one of https",
        ),
    })
}

/// An `io::Error` tells the source of what it holds, not what it holds.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(held) => Some(held),
        None => error.source(),
    }
}

fn is_end(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

fn of_tls(failure: &rustls::Error) -> &'static str {
    match failure {
        rustls::Error::InvalidCertificate(failure) => of_certificate(failure),
        rustls::Error::InvalidMessage(_) => {
            "no TLS is spoken there; check the port, or use http:// if that is meant"
        }
        _ => "the endpoint and this program agree on no TLS; it must offer 1.2 or 1.3",
    }
}

fn of_certificate(failure: &CertificateError) -> &'static str {
    match failure {
        CertificateError::UnknownIssuer => {
            "its authority is not trusted here; if it should be, name its certificate as `ca_file`"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate is over; have it renewed, or set the clock of this machine"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; set the clock of this machine, or wait"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name; use a base URL with a name that it is for"
        }
        CertificateError::BadSignature => {
            "its authority is another one of that name; name that one's certificate as `ca_file`"
        }
        _ => "whoever runs the endpoint must replace its certificate",
    }
}

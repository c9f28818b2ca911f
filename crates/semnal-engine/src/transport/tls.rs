//! TLS for deliveries: which certificates are believed, and what is said about one that is not.
//!
//! The Mozilla roots compiled in, HTTP/1.1 only, no client certificate. Verification cannot be turned off.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, RootCertStore};
use semnal_core::attempt::Cause;
use semnal_core::time::UnixMillis;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{Failure, inner};
use crate::clock::Clock;

/// Returns the connector of every delivery: the public roots and `extra_roots` (a private authority).
///
/// # Errors
/// When a root is not a certificate, or the provider has no usable version of TLS.
pub(super) fn connector(
    extra_roots: Vec<CertificateDer<'static>>,
    clock: Clock,
) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra_roots {
        roots.add(root)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(ClockTime(clock)))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Runs the handshake over `stream` for the host `name`.
pub(super) async fn handshake(
    connector: &TlsConnector,
    name: ServerName<'static>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    connector.connect(name, stream).await.map_err(|error| match inner::<rustls::Error>(&error) {
        Some(tls) => failure(tls),
        None => Failure::new(Cause::TlsFailed, broken(&error)),
    })
}

/// Says in plain words what TLS refused.
pub(super) fn failure(error: &rustls::Error) -> Failure {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(problem) => Failure::new(Cause::TlsCertificate, certificate(problem)),
        Error::NoCertificatesPresented => {
            Failure::new(Cause::TlsCertificate, "the receiver showed no certificate")
        }
        Error::InvalidMessage(_) => Failure::new(Cause::TlsFailed, "what answered does not speak TLS"),
        Error::AlertReceived(alert) => {
            Failure::new(Cause::TlsFailed, format!("the receiver refused the handshake: {alert:?}"))
        }
        Error::PeerIncompatible(_) => Failure::new(
            Cause::TlsFailed,
            "the receiver offers no version or cipher of TLS that is still safe",
        ),
        other => Failure::new(Cause::TlsFailed, other.to_string()),
    }
}

fn certificate(problem: &CertificateError) -> String {
    use CertificateError as E;
    match problem {
        E::ExpiredContext { not_after, .. } => format!("certificate expired on {}", day(*not_after)),
        E::Expired => "certificate has expired".to_owned(),
        E::NotValidYetContext { not_before, .. } => {
            format!("certificate is not valid before {}", day(*not_before))
        }
        E::NotValidYet => "certificate is not valid yet".to_owned(),
        E::NotValidForNameContext { expected, .. } => {
            format!("certificate is not valid for the name {}", expected.to_str())
        }
        E::NotValidForName => "certificate is not valid for the host's name".to_owned(),
        E::UnknownIssuer => "certificate is signed by an unknown issuer".to_owned(),
        E::BadSignature => "certificate is not signed by the issuer it names".to_owned(),
        E::BadEncoding => "certificate cannot be read".to_owned(),
        E::Revoked => "certificate was revoked".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "certificate is not meant for a server".to_owned()
        }
        // What most people make who sign for themselves; the library has no variant for it.
        E::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "certificate is self-signed: it is that of an authority".to_owned()
        }
        other => format!("certificate is not valid: {other}"),
    }
}

/// Returns the UTC day of a point in time: `2026-11-01`.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d").to_string(),
        Err(_) => format!("second {seconds} since 1970"),
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the receiver closed the connection during the handshake".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Certificates are judged by the clock that everything else runs on.
#[derive(Debug)]
struct ClockTime(Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch: Duration = self.0.now().since(UnixMillis(0));
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

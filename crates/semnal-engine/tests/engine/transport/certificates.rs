//! What TLS believes, and in which words it says that it does not.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use semnal_core::attempt::{AttemptResult, Cause};

use super::receiver::{Receiver, answer_all};
use super::world::{Setup, World, assert_answered, assert_failed, status};

const URL: &str = "https://ok.example/hook";

/// A certificate authority of a test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        Authority::named("Authority of this test")
    }

    fn named(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Returns a server with a certificate of this authority.
    pub(crate) fn server(&self, params: &CertificateParams) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server(certificate.der().clone(), &key)
    }
}

/// A certificate for `names`, valid in 2026.
pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    // A server that would rather speak HTTP/2 gets HTTP/1.1.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn world(receiver: &Receiver, roots: Vec<CertificateDer<'static>>) -> World {
    let mut setup =
        Setup::new().name("ok.example", &["93.184.216.34"]).route("93.184.216.34:443", receiver.address);
    setup.extra_roots = roots;
    setup.build()
}

async fn send_to(config: Arc<ServerConfig>, root: CertificateDer<'static>) -> AttemptResult {
    let receiver = Receiver::start_tls(config, answer_all(status(200)));
    let result = world(&receiver, vec![root]).send(URL).await;
    assert!(result.end.is_success() || receiver.requests().is_empty(), "a request left before the handshake");
    result
}

#[tokio::test]
async fn a_valid_chain_is_believed_and_the_connection_kept() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.server(&params(&["ok.example"])), answer_all(status(200)));
    let world = world(&receiver, vec![authority.root()]);
    let first = world.send(URL).await;
    assert_answered(&first, 200);
    assert!(first.phases.tls_us.is_some());
    let second = world.send(URL).await;
    assert_answered(&second, 200);
    assert_eq!(second.phases.tls_us, None);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_the_day() {
    let authority = Authority::new();
    let mut expired = params(&["ok.example"]);
    expired.not_after = date_time_ymd(2026, 5, 31);
    let result = send_to(authority.server(&expired), authority.root()).await;
    assert_failed(&result, Cause::TlsCertificate, "certificate expired on 2026-05-31");
    assert!(result.phases.tls_us.is_some());
}

#[tokio::test]
async fn a_certificate_from_the_future_is_refused_with_the_day() {
    let authority = Authority::new();
    let mut future = params(&["ok.example"]);
    future.not_before = date_time_ymd(2026, 6, 2);
    let result = send_to(authority.server(&future), authority.root()).await;
    assert_failed(&result, Cause::TlsCertificate, "certificate is not valid before 2026-06-02");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_the_name() {
    let authority = Authority::new();
    let other = authority.server(&params(&["other.example", "*.ok.example"]));
    let result = send_to(other, authority.root()).await;
    assert_failed(&result, Cause::TlsCertificate, "certificate is not valid for the name ok.example");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["ok.example"]).self_signed(&key).unwrap();
    let result = send_to(server(certificate.der().clone(), &key), Authority::new().root()).await;
    assert_failed(&result, Cause::TlsCertificate, "certificate is signed by an unknown issuer");
}

#[tokio::test]
async fn a_chain_of_an_unknown_authority_is_refused() {
    let result =
        send_to(Authority::named("Another").server(&params(&["ok.example"])), Authority::new().root()).await;
    assert_failed(&result, Cause::TlsCertificate, "certificate is signed by an unknown issuer");
}

#[tokio::test]
async fn a_receiver_that_does_not_speak_tls_is_a_tls_failure() {
    let receiver = Receiver::start(|mut peer| {
        // Answers before anything is asked, as a plain HTTP server does with what it cannot read.
        peer.write("HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        peer.sees_the_end();
    });
    let result = world(&receiver, Vec::new()).send(URL).await;
    assert_failed(&result, Cause::TlsFailed, "what answered does not speak TLS");
}

#[tokio::test]
async fn an_end_within_the_handshake_is_a_tls_failure() {
    let receiver = Receiver::start(drop);
    let result = world(&receiver, Vec::new()).send(URL).await;
    assert_failed(&result, Cause::TlsFailed, "the receiver closed the connection during the handshake");
}

#[tokio::test]
async fn a_host_that_is_an_address_needs_a_certificate_for_the_address() {
    let authority = Authority::new();
    let for_address =
        Receiver::start_tls(authority.server(&params(&["93.184.216.34"])), answer_all(status(200)));
    let world = world(&for_address, vec![authority.root()]);
    assert_answered(&world.send("https://93.184.216.34/").await, 200);
}

//! Reads the webhooks of a network over its REST API, page after page.
//!
//! Over https with the public roots, or plain http for a network on the machine itself. Redirects are not followed: the
//! secret goes where it was meant to go, or nowhere.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::rows::Parsed;

/// 100 webhooks on a page, the most that the original gives.
const PER_PAGE: u64 = 100;
/// 1,000 pages at most.
const PAGES_MAX: u64 = 1_000;
/// 30 s for a page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// 16 MiB for a page.
const PAGE_BYTES_MAX: usize = 16 * 1_024 * 1_024;
const PATH: &str = "/wp-json/wu/v2/webhook";

/// Where a network is.
#[derive(Debug, PartialEq, Eq)]
struct Network {
    https: bool,
    host: String,
    port: u16,
    /// The directory in which it is installed, without a slash at the end.
    directory: String,
}

/// An answer.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Returns every webhook.
///
/// # Errors
/// With what went wrong and what to do about it.
pub(super) async fn fetch(
    url: &str,
    key: &str,
    secret: &str,
    progress: &dyn Fn(&str),
) -> Result<Parsed, String> {
    let network = Network::parse(url)?;
    let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:{secret}")));
    let (mut parsed, mut seen) = (Parsed::default(), BTreeSet::new());
    for number in 1..=PAGES_MAX {
        let path = format!("{}{PATH}?per_page={PER_PAGE}&page={number}", network.directory);
        let asked = timeout(PAGE_TIMEOUT, get(&network, &path, &credentials)).await;
        let page = asked.map_err(|_| format!("{url} gave no page within {} s", PAGE_TIMEOUT.as_secs()))??;
        let items = items(url, &page)?;
        let before = seen.len();
        for item in &items {
            seen.insert(item.get("id").map(ToString::to_string));
            parsed.take(item);
        }
        let pages = page.headers.get("x-wp-totalpages").and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        let of = pages.map_or_else(String::new, |pages| format!(" of {pages}"));
        progress(&format!("page {number}{of}: {} webhooks", items.len()));
        // Before it had pages, the original gave everything at once, and on each page the same. A proxy may have taken the
        // header away: then a page that is just full is not the last.
        let is_last = pages.map_or(items.len() as u64 != PER_PAGE, |pages| number >= pages);
        if items.is_empty() || is_last || seen.len() == before {
            return Ok(parsed);
        }
    }
    Err(format!("{url} has more than {PAGES_MAX} pages of webhooks"))
}

fn items(url: &str, page: &Page) -> Result<Vec<Map<String, Value>>, String> {
    let body = serde_json::from_slice::<Value>(&page.body).unwrap_or(Value::Null);
    let code = body["code"].as_str().unwrap_or("no code");
    match page.status {
        StatusCode::OK => serde_json::from_slice(&page.body)
            .map_err(|why| format!("{url} did not answer with a list of webhooks: {why}")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(format!("{url} refuses the key and the secret ({code}); copy them from its settings again"))
        }
        StatusCode::NOT_FOUND => Err(format!(
            "{url} has no REST API of Ultimate Multisite ({code}); turn \"Enable API\" on in its settings, and give the \
             address of the main site"
        )),
        status if status.is_redirection() => {
            let place = page.headers.get(header::LOCATION).and_then(|it| it.to_str().ok());
            Err(format!("{url} redirects to {}; give that address", place.unwrap_or("nowhere")))
        }
        status => Err(format!("{url} answered {status} ({code})")),
    }
}

impl Network {
    fn parse(url: &str) -> Result<Network, String> {
        if url.contains(['@', '?']) {
            // It may have a secret in it.
            return Err(
                "the address may have no user, no password and no query: give them with --key and --secret"
                    .to_owned(),
            );
        }
        let bad =
            || format!("{url:?} is not the address of a network; write for example https://network.example");
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@')).ok_or_else(bad)?;
        if uri.query().is_some() {
            return Err(bad());
        }
        let directory = uri.path().trim_end_matches('/');
        let literal = authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_here = literal.eq_ignore_ascii_case("localhost")
            || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !https && !is_here {
            return Err(format!(
                "{url:?} would send the secret unencrypted; give an https address (http is for this machine alone)"
            ));
        }
        // Whoever copies the API's address from the settings means the network.
        let directory = directory.strip_suffix("/wp-json").unwrap_or(directory).to_owned();
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Network { https, host: authority.host().to_owned(), port, directory })
    }

    fn host_header(&self) -> String {
        match (self.https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

async fn get(network: &Network, path: &str, credentials: &str) -> Result<Page, String> {
    let bare = network.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let unreachable = |why: std::io::Error| format!("{} cannot be reached: {why}", network.host_header());
    let stream = TcpStream::connect((bare.as_str(), network.port)).await.map_err(unreachable)?;
    if !network.https {
        return exchange(stream, network, path, credentials).await;
    }
    let name = ServerName::try_from(bare).map_err(|_| format!("{} is no host name", network.host))?;
    let stream = tls()?.connect(name, stream).await.map_err(unreachable)?;
    exchange(stream, network, path, credentials).await
}

fn tls() -> Result<TlsConnector, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.map_err(|why| why.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    network: &Network,
    path: &str,
    credentials: &str,
) -> Result<Page, String> {
    let failed = |why: hyper::Error| format!("{} broke off: {why}", network.host_header());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(header::HOST, network.host_header())
        .header(header::AUTHORIZATION, credentials)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("Semnal/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|why| why.to_string())?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let read = Limited::new(body, PAGE_BYTES_MAX).collect().await;
    let body = read.map_err(|why| format!("{} broke off: {why}", network.host_header()))?.to_bytes();
    drop(sender);
    driver.abort();
    Ok(Page { status: parts.status, headers: parts.headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_network_is_read() {
        let check = |url: &str, https, host: &str, port, directory: &str| {
            let (host, directory) = (host.to_owned(), directory.to_owned());
            assert_eq!(Network::parse(url), Ok(Network { https, host, port, directory }), "{url}");
        };
        check("https://network.example", true, "network.example", 443, "");
        check("https://network.example/", true, "network.example", 443, "");
        check("http://127.0.0.1:8000/sub/", false, "127.0.0.1", 8_000, "/sub");
        check("https://network.example/wp-json", true, "network.example", 443, "");
        check("https://[::1]:8443/", true, "[::1]", 8_443, "");
        check("http://localhost/", false, "localhost", 80, "");
        check("http://[::1]:8000/", false, "[::1]", 8_000, "");
        for open in ["http://network.example/", "http://192.0.2.1/", "http://127.0.0.1.example/"] {
            assert!(Network::parse(open).unwrap_err().contains("unencrypted"), "{open}");
        }
        for wrong in ["network.example", "ftp://a", "https://", "https://a?b", "https://u:p@a", ""] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_network_says_instead_of_a_list_is_explained() {
        let check = |status: u16, body: &str, expected: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, "https://www.network.example/".parse().unwrap());
            let (status, body) = (StatusCode::from_u16(status).unwrap(), Bytes::from(body.to_owned()));
            let why = items("https://a", &Page { status, headers, body }).unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        check(401, r#"{"code":"rest_forbidden"}"#, "rest_forbidden");
        check(404, r#"{"code":"rest_no_route"}"#, "Enable API");
        check(301, "", "https://www.network.example/");
        check(500, "<html>", "500");
        check(200, "<html>", "list of webhooks");
        check(200, r#"{"id":1}"#, "list of webhooks");
    }
}

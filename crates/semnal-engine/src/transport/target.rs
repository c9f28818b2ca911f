//! What requests to one URL have in common, worked out once and kept with the endpoint's connections.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use semnal_core::attempt::Cause;
use semnal_core::endpoint_url::{EndpointUrl, Host};

use super::Request;
use super::failure::Failure;

/// A request as hyper sends it.
pub(super) type Message = http::Request<Full<Bytes>>;

/// Headers that are not the caller's: they frame the request or belong to the connection.
const OWNED_HEADERS: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE];

/// Where requests go.
#[derive(Debug)]
pub(super) struct Target {
    /// The URL, which passed the gate.
    pub(super) url: EndpointUrl,
    /// The name that the certificate has to be valid for; `None` without TLS.
    pub(super) server_name: Option<ServerName<'static>>,
    request_target: Uri,
    host: HeaderValue,
}

impl Target {
    /// Prepares requests to `url`.
    pub(super) fn new(url: &EndpointUrl) -> Result<Target, Failure> {
        let denied = |what: &str| Failure::new(Cause::UrlDenied, format!("the URL's {what} cannot be sent"));
        let server_name =
            if url.is_https() { Some(server_name(url.host()).ok_or_else(|| denied("host"))?) } else { None };
        Ok(Target {
            url: url.clone(),
            server_name,
            request_target: url.path_and_query().parse().map_err(|_| denied("path"))?,
            host: HeaderValue::from_str(url.authority()).map_err(|_| denied("host"))?,
        })
    }

    /// Makes the message of one request. The body's length becomes `content-length`.
    pub(super) fn message(&self, request: Request) -> Message {
        let Request { method, mut headers, body } = request;
        remove_owned(&mut headers);
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut message = Message::new(Full::new(body));
        *message.method_mut() = method;
        *message.uri_mut() = self.request_target.clone();
        *message.headers_mut() = headers;
        message
    }
}

fn remove_owned(headers: &mut HeaderMap) {
    for name in &OWNED_HEADERS {
        headers.remove(name);
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::V4(*ip))),
        Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::V6(*ip))),
    }
}

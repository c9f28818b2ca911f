//! An endpoint made ready for sending: its URL through the gate, its secrets prepared, its headers built, its own
//! connections. Made anew when the endpoint changes.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use semnal_core::attempt::{AttemptResult, Cause, Phases};
use semnal_core::endpoint::Endpoint;
use semnal_core::endpoint_url::{EndpointUrl, UrlRules};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Signer;
use semnal_core::time::UnixMillis;
use semnal_store::message::Message;

use crate::transport::connections::Connections;
use crate::transport::{Budget, Request, Transport};

/// How requests look, the same for every endpoint.
#[derive(Debug, Clone)]
pub struct RequestForm {
    /// Prefixes under which id, timestamp and signature are sent: `webhook`, `svix`.
    pub header_prefixes: Vec<String>,
    /// The `user-agent`.
    pub user_agent: String,
    /// What endpoint URLs may look like.
    pub url_rules: UrlRules,
    /// The schedule of deliveries for which neither endpoint nor event type has one.
    pub schedule: RetrySchedule,
    /// How long an attempt may take.
    pub budget: Budget,
}

impl Default for RequestForm {
    fn default() -> RequestForm {
        RequestForm {
            header_prefixes: vec!["webhook".into(), "svix".into()],
            user_agent: concat!("Semnal/", env!("CARGO_PKG_VERSION")).into(),
            url_rules: UrlRules::default(),
            schedule: RetrySchedule::default(),
            budget: Budget::default(),
        }
    }
}

/// An endpoint made ready.
pub(crate) struct Destination {
    pub(crate) endpoint: Arc<Endpoint>,
    url: Result<EndpointUrl, String>,
    signers: Vec<(Signer, Option<UnixMillis>)>,
    headers: HeaderMap,
    names: Vec<[HeaderName; 3]>,
    budget: Budget,
    connections: Connections,
}

/// What one request says about itself.
pub(crate) struct Envelope<'a> {
    pub(crate) message: &'a Message,
    pub(crate) message_id: &'a str,
    pub(crate) attempt: u16,
}

impl Destination {
    pub(crate) fn new(endpoint: Arc<Endpoint>, form: &RequestForm) -> Destination {
        let url = EndpointUrl::parse(&endpoint.url, &form.url_rules).map_err(|denied| denied.to_string());
        let signers = endpoint.secrets.iter().map(|s| (Signer::new(&s.secret), s.expires_at)).collect();
        let mut headers = HeaderMap::with_capacity(endpoint.headers.len() + 12);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(agent) = HeaderValue::from_str(&form.user_agent) {
            headers.insert(http::header::USER_AGENT, agent);
        }
        for (name, value) in &endpoint.headers {
            // They were checked when they were saved.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        }
        let name = |prefix: &str, what: &str| HeaderName::try_from(format!("{prefix}-{what}"));
        let names = form.header_prefixes.iter().filter_map(|p| {
            Some([name(p, "id").ok()?, name(p, "timestamp").ok()?, name(p, "signature").ok()?])
        });
        let names = names.collect();
        let connections = Connections::new();
        Destination { endpoint, url, signers, headers, names, budget: form.budget, connections }
    }

    /// Makes one attempt. The timestamp is the attempt's, the id the message's: it is the same for each attempt.
    pub(crate) async fn send(
        &self,
        transport: &Transport,
        envelope: &Envelope<'_>,
        now: UnixMillis,
    ) -> AttemptResult {
        let url = match &self.url {
            Ok(url) => url,
            Err(denied) => return AttemptResult::failed(Cause::UrlDenied, denied.clone(), Phases::default()),
        };
        let headers = self.headers(envelope, now);
        let request = Request { method: Method::POST, headers, body: envelope.message.payload.clone() };
        transport.send(&self.connections, url, request, self.budget).await
    }

    fn headers(&self, envelope: &Envelope<'_>, now: UnixMillis) -> HeaderMap {
        let seconds = now.unix_seconds();
        let mut signature = String::with_capacity(64);
        for (signer, expires_at) in &self.signers {
            if expires_at.is_none_or(|at| at > now) {
                signer.sign(envelope.message_id, seconds, &envelope.message.payload, &mut signature);
            }
        }
        let mut headers = self.headers.clone();
        let value =
            |text: &str| HeaderValue::from_str(text).expect("ids, numbers and base64 are visible ASCII");
        let values = [value(envelope.message_id), HeaderValue::from(seconds), value(&signature)];
        for names in &self.names {
            for (name, value) in names.iter().zip(&values) {
                headers.insert(name.clone(), value.clone());
            }
        }
        headers.insert("webhook-event", value(envelope.message.event_type.as_str()));
        if envelope.message.is_test() {
            headers.insert("webhook-test", HeaderValue::from_static("true"));
        }
        headers.insert("webhook-attempt", HeaderValue::from(envelope.attempt));
        headers
    }

    pub(crate) fn close(&self) {
        self.connections.close();
    }
}

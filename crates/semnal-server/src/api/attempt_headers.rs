//! `GET …/msg/{msg_id}/attempt/{attempt_id}/headers`: what was sent with an attempt, and what was answered.
//!
//! The headers of an answer are kept, those of a request are not: they are built again from the message, the attempt
//! and the endpoint. Only what is certain to have been sent is shown; what cannot be known any more is named as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::{Endpoint, is_sensitive_header};
use semnal_store::message::Message;
use semnal_store::outcome::Outcome;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::attempts;
use super::auth::Caller;
use super::error::ApiError;
use super::find::Segments;
use super::messages;

/// An endpoint that was changed less than 60 s before an attempt may have been sent to as it was before.
const CERTAIN_AFTER: Duration = Duration::from_secs(60);

/// The headers of an attempt and of its answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttemptHeadersOut<'a> {
    sent_headers: BTreeMap<String, String>,
    /// Sent, but never shown.
    sensitive: BTreeSet<String>,
    /// Sent or not: the endpoint has changed since, and its custom headers of then are not kept.
    custom_headers_known: bool,
    /// In the order in which they came; a name may come more than once.
    #[schema(value_type = Vec<Vec<String>>)]
    response_headers: Vec<(&'a str, String)>,
}

/// `GET …/headers`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, attempt)): Segments<(String, String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let (message, it) = attempts::find_attempt(&api, application, &message, &attempt).await?;
    let sent = sent_headers(&api, &configuration, &message, &it);
    let out = AttemptHeadersOut {
        sent_headers: sent.shown,
        sensitive: sent.sensitive,
        custom_headers_known: sent.custom_known,
        response_headers: it
            .response_headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
    };
    Ok(Answer::json(StatusCode::OK, &out))
}

/// What was sent with an attempt, as far as it is certain.
pub(crate) struct SentHeaders {
    /// Names and values.
    pub shown: BTreeMap<String, String>,
    /// Sent, but never shown.
    pub sensitive: BTreeSet<String>,
    /// The custom headers are those of the endpoint now, which has not changed since.
    pub custom_known: bool,
}

/// Returns what was sent with an attempt of a message.
pub(crate) fn sent_headers(
    api: &ApiState,
    configuration: &Configuration,
    message: &Message,
    it: &Outcome,
) -> SentHeaders {
    let endpoint = configuration.endpoint(it.endpoint).filter(|endpoint| is_unchanged(endpoint, it));
    let mut sent = SentHeaders {
        shown: certain(api, message, it),
        sensitive: api.header_prefixes.iter().map(|prefix| format!("{prefix}-signature")).collect(),
        custom_known: endpoint.is_some(),
    };
    if endpoint.is_some() {
        sent.shown.insert("content-type".to_owned(), "application/json".to_owned());
    }
    for (name, value) in endpoint.into_iter().flat_map(|it| &it.headers) {
        let name = name.to_ascii_lowercase();
        if is_sensitive_header(&name) {
            sent.sensitive.insert(name);
        } else if name == "content-type" {
            sent.shown.insert(name, value.clone());
        } else {
            // The names that every attempt has win over custom ones.
            sent.shown.entry(name).or_insert_with(|| value.clone());
        }
    }
    sent
}

/// Tells whether the endpoint was the same when the attempt was made.
fn is_unchanged(endpoint: &Endpoint, it: &Outcome) -> bool {
    endpoint.updated_at == endpoint.created_at || endpoint.updated_at + CERTAIN_AFTER <= it.started_at
}

/// Returns what every attempt has, under the prefixes that are set.
fn certain(api: &ApiState, message: &Message, it: &Outcome) -> BTreeMap<String, String> {
    let id = messages::public_id(api.store.ids(), message.application, message.id);
    let timestamp = it.started_at.unix_seconds().to_string();
    let mut all = BTreeMap::from([
        ("content-length".to_owned(), message.payload.len().to_string()),
        ("webhook-event".to_owned(), message.event_type.to_string()),
        ("webhook-attempt".to_owned(), it.id.number.to_string()),
    ]);
    for prefix in &api.header_prefixes {
        all.insert(format!("{prefix}-id"), id.clone());
        all.insert(format!("{prefix}-timestamp"), timestamp.clone());
    }
    all
}

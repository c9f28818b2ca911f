//! `…/request/{request_id}/verify`: does its signature hold, and if not, why.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::request_bin::capture::CapturedRequest;
use semnal_core::request_bin::head::Head;
use semnal_core::signature::{Secret, SecretError, Signer, Verifier, VerifyError};
use serde::Serialize;
use utoipa::ToSchema;

use super::bins;
use super::requests::find_request;
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::Caller;
use crate::api::body::RequestBody;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::input::Fields;

/// Whether a signature holds, and if not, why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictOut {
    pub(crate) valid: bool,
    /// `valid`, or the first check that failed.
    pub(crate) reason: &'static str,
    /// The reason in a sentence.
    pub(crate) detail: String,
    /// `webhook` or `svix`: whose headers were checked.
    pub(crate) prefix: Option<&'static str>,
    pub(crate) message_id: Option<String>,
    pub(crate) timestamp: Option<String>,
    /// How many seconds the timestamp is behind the moment of arrival.
    pub(crate) skew_seconds: Option<i64>,
    /// What is signed: id, timestamp and body. Bytes that are not text are replaced.
    pub(crate) base_string: Option<String>,
    /// The signature that the secret makes; null for a public key, which makes none.
    pub(crate) expected: Option<String>,
    /// The signatures of the header.
    pub(crate) got: Vec<String>,
}

/// `POST …/verify`: `{secret}`.
pub(crate) async fn post(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let mut fields = Fields::parse(&body)?;
    let parse = |text: &str| Ok::<_, SecretError>((Verifier::parse(text)?, Secret::parse(text).ok()));
    let secret = fields.parsed("secret", "invalid_secret", parse);
    let secret = fields.required("secret", secret);
    fields.finish()?;
    let (verifier, secret) = secret.ok_or(ApiError::Internal)?;
    let it = find_request(&api, bins, view, &bin, &request).await?;
    Ok(Answer::json(StatusCode::OK, &verdict(&it, &verifier, secret.as_ref())))
}

/// Checks a request as its receiver would have done at the moment of its arrival.
pub(crate) fn verdict(it: &CapturedRequest, verifier: &Verifier, secret: Option<&Secret>) -> VerdictOut {
    let head = Head::parse(&it.capture.head);
    let has = |prefix: &&str| head.text(&format!("{prefix}-signature")).is_some();
    let prefix = ["webhook", "svix"].into_iter().find(has);
    let text =
        |what: &str| prefix.and_then(|prefix| head.text(&format!("{prefix}-{what}"))).map(str::to_owned);
    let (id, timestamp, signature) = (text("id"), text("timestamp"), text("signature"));
    let mut out = VerdictOut {
        valid: false,
        reason: "missing_header",
        detail: String::new(),
        prefix,
        skew_seconds: timestamp
            .as_ref()
            .and_then(|text| Some(it.capture.received_at.unix_seconds().saturating_sub(text.parse().ok()?))),
        base_string: None,
        expected: None,
        got: signature.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect(),
        message_id: id.clone(),
        timestamp: timestamp.clone(),
    };
    let (Some(id), Some(timestamp), Some(signature)) = (id, timestamp, signature) else {
        let prefix = prefix.unwrap_or("webhook");
        let missing = ["id", "timestamp", "signature"].iter().find(|what| text(what).is_none());
        out.detail = format!("the request has no header {prefix}-{}", missing.unwrap_or(&"id"));
        return out;
    };
    let body = &it.capture.body;
    out.base_string = Some(format!("{id}.{timestamp}.{}", String::from_utf8_lossy(body)));
    out.expected = secret.zip(timestamp.parse().ok()).map(|(secret, seconds)| {
        let mut expected = String::new();
        Signer::new(secret).sign(&id, seconds, body, &mut expected);
        expected
    });
    if it.capture.is_truncated() {
        out.reason = "body_cut";
        out.detail =
            "only the first bytes of the body were kept, so its signature cannot be checked".to_owned();
        return out;
    }
    // At the moment of arrival, as its receiver would have done.
    let verified = verifier.verify(&id, &timestamp, &signature, body, it.capture.received_at);
    (out.valid, out.reason, out.detail) = match verified {
        Ok(()) => (true, "valid", "the signature holds".to_owned()),
        Err(error) => (false, reason(error), error.to_string()),
    };
    out
}

fn reason(error: VerifyError) -> &'static str {
    match error {
        VerifyError::BadTimestamp => "bad_timestamp",
        VerifyError::TooOld { .. } => "timestamp_too_old",
        VerifyError::TooNew { .. } => "timestamp_too_new",
        VerifyError::NoMatch => "no_match",
    }
}

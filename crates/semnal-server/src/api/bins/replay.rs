//! `…/request/{request_id}/replay`: sends a captured request again, to another URL, through the same guarded way out as
//! deliveries. It is sent once and nothing of it is kept.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use semnal_core::application::Scope;
use semnal_core::attempt::{AttemptEnd, AttemptResult};
use semnal_core::endpoint_url::EndpointUrl;
use semnal_core::request_bin::capture::Capture;
use semnal_core::request_bin::head::Head;
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::{Budget, Request};
use serde::Serialize;
use utoipa::ToSchema;

use super::requests::find_request;
use super::response::given_body;
use super::{BinsApi, bins};
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::Caller;
use crate::api::body::RequestBody;
use crate::api::endpoints::fields::judge_url;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::input::Fields;

/// 200 header fields of a request that is sent again.
pub(in crate::api) const REPLAY_HEADERS_MAX: usize = 200;
/// Headers that belong to the connection on which the request came.
pub(crate) const LEFT_OUT: [&str; 8] =
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// What became of a request that was sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayOut {
    pub(crate) url: String,
    pub(crate) method: String,
    /// Only 2xx is a success.
    pub(crate) success: bool,
    pub(crate) status: Option<u16>,
    /// Why there is no answer, as a code.
    pub(crate) cause: Option<&'static str>,
    /// The same in a sentence.
    pub(crate) detail: Option<String>,
    pub(crate) duration_ms: i64,
    pub(crate) address: Option<String>,
    #[schema(value_type = Vec<Vec<String>>)]
    pub(crate) response_headers: Vec<(String, String)>,
    /// The first 16 KiB; bytes that are not text are replaced.
    pub(crate) response_body: String,
    pub(crate) response_body_base64: String,
    pub(crate) response_truncated: bool,
}

/// What a client wants to be sent.
pub(crate) struct ReplayIn {
    url: String,
    method: Option<Method>,
    headers: Option<HeaderMap>,
    body: Option<Vec<u8>>,
}

impl ReplayIn {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(body: &[u8], api: &ApiState) -> Result<ReplayIn, ApiError> {
        let mut fields = Fields::parse(body)?;
        let url = fields.parsed("url", "invalid_url", |text| judge_url(text, &api.url_rules, &api.policy));
        let url = fields.required("url", url);
        let method = fields.parsed("method", "invalid_name", |text| {
            Method::from_bytes(text.as_bytes())
                .ok()
                .filter(|it| *it != Method::CONNECT)
                .ok_or("is not a method")
        });
        let headers = given_headers(&mut fields);
        let body = given_body(&mut fields);
        fields.finish()?;
        Ok(ReplayIn { url: url.ok_or(ApiError::Internal)?, method: method.value(), headers, body })
    }
}

/// `POST …/replay`: `{url, method?, headers?, body?}`; what is left out is the captured request's.
pub(crate) async fn post(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    let given = ReplayIn::read(&body, &api)?;
    let it = find_request(&api, bins, view, &bin, &request).await?.capture;
    Ok(Answer::json(StatusCode::OK, &send(&api, bins, it, given).await?))
}

/// Sends a request again, changed as a client wants it, and tells what became of it.
///
/// # Errors
/// A request that cannot be sent as it was captured, or as it was changed.
pub(crate) async fn send(
    api: &ApiState,
    bins: &BinsApi,
    it: Capture,
    given: ReplayIn,
) -> Result<ReplayOut, ApiError> {
    if it.is_truncated() && given.body.is_none() {
        return Err(ApiError::Conflict(
            "only the first bytes of this body were kept; give the body to send in \"body\"".to_owned(),
        ));
    }
    let head = Head::parse(&it.head);
    let method = given.method.or_else(|| Method::from_bytes(head.method).ok()).unwrap_or(Method::POST);
    let headers = match given.headers {
        Some(given) => given,
        None => headers(head.headers.iter().map(|(name, value)| (*name, &**value)))
            .map_err(|msg| ApiError::Conflict(format!("{msg}; give the headers to send in \"headers\"")))?,
    };
    let url = EndpointUrl::parse(&given.url, &api.url_rules)
        .map_err(|denied| ApiError::invalid(&["body", "url"], "invalid_url", denied.to_string()))?;
    let body = Bytes::from(given.body.unwrap_or(it.body));
    let connections = Connections::new();
    let request = Request { method: method.clone(), headers, body };
    let result = bins.transport.send(&connections, &url, request, Budget::default()).await;
    connections.close();
    Ok(verdict(&url, &method, &result))
}

fn given_headers(fields: &mut Fields<'_>) -> Option<HeaderMap> {
    let expected = "a list of pairs of name and value";
    let given = fields.typed::<Vec<(String, String)>>("headers", expected).value()?;
    if given.len() > REPLAY_HEADERS_MAX {
        let msg = format!("must have at most {REPLAY_HEADERS_MAX} entries");
        fields.problem("headers", "wrong_length", msg);
    }
    let made = headers(given.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    made.map_err(|msg| fields.problem("headers", "invalid_header", msg)).ok()
}

/// Collects headers; those of the connection are left out.
fn headers<'a>(given: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let shown = String::from_utf8_lossy(name).chars().take(80).collect::<String>();
        if LEFT_OUT.iter().any(|left_out| name.eq_ignore_ascii_case(left_out.as_bytes())) {
            continue;
        }
        let pair = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        let (Ok(name), Ok(value)) = pair else {
            return Err(format!("the header {shown:?} cannot be sent"));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

fn verdict(url: &EndpointUrl, method: &Method, result: &AttemptResult) -> ReplayOut {
    let (cause, detail) = match &result.end {
        AttemptEnd::Answered(_) => (None, None),
        AttemptEnd::Failed { cause, detail } => (Some(cause.code()), Some(detail.clone())),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ReplayOut {
        url: url.as_str().to_owned(),
        method: method.to_string(),
        success: result.end.is_success(),
        status: result.end.status(),
        cause,
        detail,
        duration_ms: result.phases.total_ms(),
        address: result.address.map(|it| it.to_string()),
        response_headers: result.response_headers.iter().map(|(n, v)| (n.clone(), text(v))).collect(),
        response_body: text(&result.response_body),
        response_body_base64: STANDARD.encode(&result.response_body),
        response_truncated: result.response_truncated,
    }
}

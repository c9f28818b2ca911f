//! `…/bin/{bin_id}/request`: what a bin caught.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use semnal_core::application::Scope;
use semnal_core::id::{BinId, CapturedId, IdCipher, IdKind, MessageId};
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};
use semnal_core::request_bin::head::Head;
use semnal_store::views::filter::{Found, Slice};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BinsApi, bins, find};
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::{Caller, View};
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::page::{self, CursorKey, ListedKey, Page};
use crate::api::query::Params;
use crate::api::time::Rfc3339;

/// A request's number, by which lists are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub u32);

impl CursorKey for Number {
    const LIST: u8 = b'c';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Number(u32::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl ListedKey for Number {
    fn just_below(self) -> Self {
        Number(self.0.saturating_sub(1))
    }
}

/// A captured request as lists have it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CapturedRequestOut {
    id: String,
    /// Counted from 1 in its bin.
    number: u32,
    bin_id: String,
    method: String,
    target: String,
    http_version: String,
    /// Names and values in the order in which they came.
    #[schema(value_type = Vec<Vec<String>>)]
    headers: Vec<(String, String)>,
    content_type: Option<String>,
    /// How many bytes the body had.
    body_bytes: u64,
    /// How many of them were kept.
    kept_bytes: usize,
    truncated: bool,
    remote_address: String,
    received_at: Rfc3339,
    /// Why it is not valid HTTP/1.1.
    problem: Option<String>,
    /// The message of this server that it is a delivery of.
    message_id: Option<String>,
    /// Which attempt of that delivery it is.
    attempt: Option<u16>,
}

/// A captured request with its bytes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CapturedBytesOut {
    #[serde(flatten)]
    request: CapturedRequestOut,
    /// The request line and headers as they were sent.
    head_base64: String,
    body_base64: String,
    /// The body as it came in chunks.
    framed_base64: Option<String>,
}

/// A captured request with its bytes, and whose message it is a delivery of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct CapturedWholeOut {
    #[serde(flatten)]
    bytes: CapturedBytesOut,
    /// The application of the message that it is a delivery of.
    application_id: Option<String>,
}

/// Returns a request with its bytes.
pub(super) fn bytes_out(ids: &IdCipher, it: &CapturedRequest) -> CapturedBytesOut {
    CapturedBytesOut {
        request: out(ids, it),
        head_base64: STANDARD.encode(&it.capture.head),
        body_base64: STANDARD.encode(&it.capture.body),
        framed_base64: it.capture.framed.as_ref().map(|framed| STANDARD.encode(framed)),
    }
}

pub(super) fn out(ids: &IdCipher, it: &CapturedRequest) -> CapturedRequestOut {
    let capture = &it.capture;
    let head = Head::parse(&capture.head);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // The link is the very text that was found to be an id of ours.
    let message = capture.message.and(head.text("webhook-id").or(head.text("svix-id")));
    CapturedRequestOut {
        id: ids.encode_captured(it.id),
        number: it.id.number,
        bin_id: super::public_id(ids, it.id.bin),
        method: text(head.method),
        target: text(head.target),
        http_version: text(head.version),
        headers: head.headers.iter().map(|(name, value)| (text(name), text(value))).collect(),
        content_type: head.all("content-type").next().map(text),
        body_bytes: capture.body_bytes,
        kept_bytes: capture.body.len(),
        truncated: capture.is_truncated(),
        remote_address: capture.remote.to_string(),
        received_at: Rfc3339(capture.received_at),
        problem: capture.problem.clone(),
        message_id: message.map(str::to_owned),
        attempt: capture.attempt,
    }
}

/// Returns a request of a bin, by its id or its number.
///
/// # Errors
/// 404, or what the store says.
pub(crate) async fn find_request(
    api: &ApiState,
    bins: &BinsApi,
    view: View,
    bin: &str,
    text: &str,
) -> Result<CapturedRequest, ApiError> {
    let bin = find(api, bins, view, bin)?.bin.id;
    let not_found = || ApiError::not_found("captured request", text);
    let number = number_of(api.store.ids(), bin, text).ok_or_else(not_found)?;
    bins.bins.request(CapturedId { bin, number }).await?.ok_or_else(not_found)
}

/// Reads a request's id or number.
pub(super) fn number_of(ids: &IdCipher, bin: BinId, text: &str) -> Option<u32> {
    match ids.decode_captured(text) {
        Ok(id) => (id.bin == bin).then_some(id.number),
        Err(_) => text.parse().ok(),
    }
}

/// Reads what is looked for: `q`, `method`, `path`, `body`, `message_id`.
pub(super) fn wanted(ids: &IdCipher, params: &mut Params) -> Wanted {
    let text = |name: &str| params.text(name).map(str::to_owned);
    let (text, method, path, body) = (text("q"), text("method"), text("path"), text("body"));
    let message = params.id("message_id", |text| ids.decode(IdKind::Message, text).ok());
    Wanted { method, path, body, text, message: message.map(|(_, key)| MessageId(key)) }
}

/// `GET …/request`: newest first.
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let (limit, cursor) = (params.limit(), params.cursor::<Number>());
    let wanted = wanted(api.store.ids(), &mut params);
    params.finish()?;
    let id = find(&api, bins, view, &bin)?.bin.id;
    let Slice { from, direction, limit } = page::slice(&cursor, limit);
    let slice = Slice { from: from.map(|number| number.0), direction, limit };
    let Found { items, more_after } = bins.bins.requests(id, slice, wanted).await?;
    let found = Found { items, more_after: more_after.map(Number) };
    let page: Page<CapturedRequest> =
        page::listed(found, |it: &CapturedRequest| Number(it.id.number), &cursor);
    Ok(Answer::json(StatusCode::OK, &page.map(|it| out(api.store.ids(), &it))))
}

/// `GET …/request/{request_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let it = find_request(&api, bins, view, &bin, &request).await?;
    whole(&api, view, &it).await
}

/// Answers with a request and its bytes.
pub(super) async fn whole(api: &ApiState, view: View, it: &CapturedRequest) -> Result<Answer, ApiError> {
    let application_id = match it.capture.message {
        Some(message) => {
            let found = api.store.read(move |reader| reader.message(message)).await?;
            let configuration = api.store.configuration();
            let theirs = found.and_then(|message| configuration.application(message.application).cloned());
            let ours = theirs.filter(|it| it.organisation == view.organisation);
            ours.map(|it| crate::api::applications::public_id(api.store.ids(), it.id))
        }
        None => None,
    };
    let whole = CapturedWholeOut { bytes: bytes_out(api.store.ids(), it), application_id };
    Ok(Answer::json(StatusCode::OK, &whole))
}

/// `DELETE …/request`: all of them.
pub(crate) async fn delete_all(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    bins.bins.empty(find(&api, bins, view, &bin)?.bin.id).await?;
    Ok(Answer::no_content())
}

/// `DELETE …/request/{request_id}`
pub(crate) async fn delete(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    let it = find_request(&api, bins, view, &bin, &request).await?;
    bins.bins.delete(it.id).await?;
    Ok(Answer::no_content())
}

/// `GET …/request/{request_id}/raw`: the bytes as they came, as a file that nothing opens.
pub(crate) async fn raw(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((bin, request)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    Ok(bytes(find_request(&api, bins, view, &bin, &request).await?))
}

/// Makes a file of a request.
pub(crate) fn bytes(it: CapturedRequest) -> Response {
    let mut bytes = it.capture.head;
    bytes.extend_from_slice(it.capture.framed.as_deref().unwrap_or(&it.capture.body));
    file(bytes.into(), "application/octet-stream", &format!("request-{}.http", it.id.number))
}

/// Makes a file of something that a stranger sent: a browser stores it and runs nothing of it.
pub(super) fn file(body: Body, content_type: &'static str, name: &str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// What bins caught of a message.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct CapturedOfMessageOut {
    data: Vec<CapturedRequestOut>,
}

/// `GET /api/v1/app/{app_id}/msg/{msg_id}/captured-request`: what bins caught of a message, newest first.
pub(crate) async fn of_message(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let application = view.application(&api.store.configuration(), api.store.ids(), &app)?.id;
    let message = crate::api::find::message(&api, application, &message).await?.id;
    let found = bins.bins.of_message(view.organisation, message).await?;
    let data = found.iter().map(|it| out(api.store.ids(), it)).collect();
    Ok(Answer::json(StatusCode::OK, &CapturedOfMessageOut { data }))
}

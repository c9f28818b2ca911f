//! `…/bin/{bin_id}/response`: what a bin answers.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::request_bin::handshake::{HANDSHAKE_SECRET_CHARACTERS_MAX, Handshake, Sender};
use semnal_core::request_bin::response::{
    BinResponse, DELAY_MS_MAX, Fault, FaultKind, RESPONSE_BODY_BYTES_MAX, RESPONSE_HEADERS_MAX, SEQUENCE_MAX,
    STATUSES, check_header, is_value,
};
use semnal_store::bins::BinState;
use serde::Serialize;
use utoipa::ToSchema;

use super::{BinsApi, bins, change, find};
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::{Caller, View};
use crate::api::body::RequestBody;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::input::{Fields, Given};

/// What a bin answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct BinResponseOut<'a> {
    status: u16,
    /// Statuses of the next requests, one each; the last one stays.
    sequence: &'a [u16],
    content_type: Option<&'a str>,
    #[schema(value_type = Vec<Vec<String>>)]
    headers: &'a [(String, String)],
    /// Null when the bin answers its default, or when it is no text.
    body: Option<&'a str>,
    body_base64: Option<String>,
    delay_ms: u32,
    handshake: Option<BinHandshakeOut>,
    fault: Option<BinFaultOut>,
}

/// A handshake that a bin answers as its sender wants it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct BinHandshakeOut {
    sender: &'static str,
    has_secret: bool,
}

/// What goes wrong on purpose, in so many of 100 requests.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct BinFaultOut {
    kind: &'static str,
    status: Option<u16>,
    percent: u8,
}

fn out(it: &BinResponse) -> BinResponseOut<'_> {
    let fault = it.fault.map(|fault| BinFaultOut {
        kind: fault.kind.as_str(),
        status: match fault.kind {
            FaultKind::Status(status) => Some(status),
            FaultKind::Timeout | FaultKind::Drip | FaultKind::Reset => None,
        },
        percent: fault.percent,
    });
    let handshake = it.handshake.as_ref();
    BinResponseOut {
        status: it.status,
        sequence: &it.sequence,
        content_type: it.content_type.as_deref(),
        headers: &it.headers,
        body: it.body.as_deref().and_then(|body| std::str::from_utf8(body).ok()),
        body_base64: it.body.as_ref().map(|body| STANDARD.encode(body)),
        delay_ms: it.delay_ms,
        handshake: handshake
            .map(|it| BinHandshakeOut { sender: it.sender.as_str(), has_secret: it.secret.is_some() }),
        fault,
    }
}

/// Reads a whole response; what is left out has its default.
fn read(body: &[u8]) -> Result<BinResponse, ApiError> {
    let mut fields = Fields::parse(body)?;
    let default = BinResponse::default();
    let status = fields.number("status", STATUSES).value().unwrap_or(default.status);
    let sequence = sequence(&mut fields);
    let content_type = fields.typed::<String>("contentType", "text").value();
    if content_type.as_deref().is_some_and(|text| text.is_empty() || text.trim() != text || !is_value(text)) {
        fields.problem("contentType", "invalid_header", "must be visible ASCII without spaces around it");
    }
    let headers = headers(&mut fields);
    let body = response_body(&mut fields);
    let delay_ms = fields.number("delayMs", 0..=DELAY_MS_MAX).value().unwrap_or(0);
    let handshake = match fields.raw("handshake") {
        Given::Value(raw) => handshake(&mut fields, Fields::nested("handshake", raw)?),
        Given::Null | Given::Absent => None,
    };
    let fault = match fields.raw("fault") {
        Given::Value(raw) => fault(&mut fields, Fields::nested("fault", raw)?),
        Given::Null | Given::Absent => None,
    };
    fields.finish()?;
    Ok(BinResponse { status, sequence, content_type, headers, body, delay_ms, handshake, fault })
}

fn sequence(fields: &mut Fields<'_>) -> Vec<u16> {
    let statuses = fields.typed::<Vec<u16>>("sequence", "a list of statuses").value().unwrap_or_default();
    if statuses.len() > SEQUENCE_MAX {
        fields.problem("sequence", "wrong_length", format!("must have at most {SEQUENCE_MAX} statuses"));
    }
    if statuses.iter().any(|status| !STATUSES.contains(status)) {
        let (first, last) = (STATUSES.start(), STATUSES.end());
        fields.problem("sequence", "out_of_range", format!("must have statuses from {first} to {last}"));
    }
    statuses
}

fn headers(fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let expected = "a list of pairs such as [[\"X-Name\", \"value\"]]";
    let given = fields.typed::<Vec<(String, String)>>("headers", expected).value().unwrap_or_default();
    if given.len() > RESPONSE_HEADERS_MAX {
        fields.problem(
            "headers",
            "wrong_length",
            format!("must have at most {RESPONSE_HEADERS_MAX} entries"),
        );
    }
    for (name, value) in &given {
        if let Err(refused) = check_header(name, value) {
            fields.problem("headers", "invalid_header", refused.to_string());
        }
    }
    given
}

fn response_body(fields: &mut Fields<'_>) -> Option<Vec<u8>> {
    let body = given_body(fields);
    if body.as_ref().is_some_and(|body| body.len() > RESPONSE_BODY_BYTES_MAX) {
        let name = if matches!(fields.raw("body"), Given::Value(_)) { "body" } else { "bodyBase64" };
        fields.problem(name, "wrong_length", format!("must have at most {RESPONSE_BODY_BYTES_MAX} bytes"));
    }
    body
}

/// Reads a body that is given as text or as base64.
pub(super) fn given_body(fields: &mut Fields<'_>) -> Option<Vec<u8>> {
    let text = fields.typed::<String>("body", "text").value().map(String::into_bytes);
    let bytes = fields.parsed("bodyBase64", "invalid_encoding", |text| STANDARD.decode(text)).value();
    match (text, bytes) {
        (Some(text), Some(bytes)) if text != bytes => {
            let msg = "differs from \"bodyBase64\", which is another form of it; give one of them";
            fields.problem("body", "contradiction", msg);
            None
        }
        (text, bytes) => bytes.or(text),
    }
}

/// Reads whose handshake is answered. The problems of `inner` are named at the whole.
fn handshake(fields: &mut Fields<'_>, mut inner: Fields<'_>) -> Option<Handshake> {
    let sender = inner.typed::<String>("sender", "text").value().and_then(|word| Sender::parse(&word));
    let secret = inner.text("secret", 1..=HANDSHAKE_SECRET_CHARACTERS_MAX).value();
    let words = Sender::ALL.map(Sender::as_str).join(", ");
    let Some(sender) = sender.filter(|_| inner.finish().is_ok()) else {
        let msg = format!(
            "must have a sender, one of {words}, and may have a secret of {HANDSHAKE_SECRET_CHARACTERS_MAX} characters at most"
        );
        fields.problem("handshake", "out_of_range", msg);
        return None;
    };
    Some(Handshake { sender, secret })
}

fn fault(fields: &mut Fields<'_>, mut inner: Fields<'_>) -> Option<Fault> {
    let word = inner.typed::<String>("kind", "text").value().unwrap_or_default();
    let percent = inner.number("percent", 1..=100u8).value().unwrap_or(100);
    let status = inner.number("status", STATUSES).value();
    let kind = match (word.as_str(), status) {
        ("status", Some(status)) => Some(FaultKind::Status(status)),
        ("timeout", None) => Some(FaultKind::Timeout),
        ("drip", None) => Some(FaultKind::Drip),
        ("reset", None) => Some(FaultKind::Reset),
        _ => None,
    };
    let Some(kind) = kind.filter(|_| inner.finish().is_ok()) else {
        let words = FaultKind::WORDS.join(", ");
        let msg = format!(
            "must have a kind, one of {words}, with a status only for \"status\", and a percent from 1 to 100"
        );
        fields.problem("fault", "out_of_range", msg);
        return None;
    };
    Some(Fault { kind, percent })
}

/// `GET …/response`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let state = find(&api, bins, view, &bin)?;
    Ok(Answer::json(StatusCode::OK, &out(&state.bin.response)))
}

/// `PUT …/response`: the whole of it; what is left out has its default. The secret of a handshake with the same sender
/// is kept when none is given, since it is not shown either.
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    let state = replace(&api, bins, view, &bin, &body).await?;
    Ok(Answer::json(StatusCode::OK, &out(&state.bin.response)))
}

/// Sets what a bin answers to what a client gave.
///
/// # Errors
/// 404, or what is wrong with the body.
pub(crate) async fn replace(
    api: &ApiState,
    bins: &BinsApi,
    view: View,
    bin: &str,
    body: &[u8],
) -> Result<BinState, ApiError> {
    let mut new = read(body)?;
    change(api, bins, view, bin, move |directory, it| {
        if let (Some(new), Some(old)) = (&mut new.handshake, &it.response.handshake)
            && new.sender == old.sender
            && new.secret.is_none()
        {
            new.secret.clone_from(&old.secret);
        }
        it.response = new;
        it.response_after = directory.get(it.id).map_or(0, |state| state.tally.last_number);
        Ok(())
    })
    .await
}

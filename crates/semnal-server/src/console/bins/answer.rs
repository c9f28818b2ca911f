//! What a bin answers: status, headers, body, delay, handshakes and faults. The rules are those of the API.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semnal_core::request_bin::handshake::Sender;
use semnal_core::request_bin::response::{BinResponse, FaultKind};
use serde_json::{Map, Value, json};

use super::{Place, bins, field_errors};
use crate::console::flash::Flash;
use crate::console::form::{FieldErrors, Form};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// The form.
#[derive(Template)]
#[template(path = "bin_response.html")]
struct AnswerView {
    page: Page,
    id: String,
    name: String,
    draft: Draft,
    senders: [&'static str; 4],
    errors: FieldErrors,
}

/// An answer as the form has it.
#[derive(Default)]
struct Draft {
    status: String,
    sequence: String,
    content_type: String,
    headers: String,
    body: String,
    /// The body is no text: it stays until another one is given.
    has_bytes: bool,
    delay_ms: String,
    handshake: String,
    has_secret: bool,
    fault: String,
    fault_percent: String,
    fault_status: String,
}

/// `GET /bins/{bin}/response`
pub(super) async fn show(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let draft = Draft::of(&place.state.bin.response);
    answer(&signed.page, &place, draft, FieldErrors::default())
}

/// `POST /bins/{bin}/response`
pub(super) async fn save(signed: Signed, Path(bin): Path<String>, form: Form) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let before = &place.state.bin.response;
    let draft = Draft::typed(&form, before);
    let body = draft.json(form.get("handshake_secret"), before).to_string();
    match bins::response::replace(&place.api, &place.bins, place.view, &place.id, body.as_bytes()).await {
        Ok(state) => {
            Ok(page.redirect(&place.path(""), &Flash::good("bin-answer-saved").about(&state.bin.name)))
        }
        Err(error) => {
            let fields = [
                ("status", "status", "bin-answer-status-wrong"),
                ("sequence", "sequence", "bin-answer-sequence-wrong"),
                ("content_type", "contentType", "bin-answer-type-wrong"),
                ("headers", "headers", "bin-answer-headers-wrong"),
                ("body", "body", "bin-answer-body-wrong"),
                ("delay_ms", "delayMs", "bin-answer-delay-wrong"),
                ("handshake_secret", "handshake", "bin-answer-handshake-wrong"),
                ("fault_status", "fault", "bin-answer-fault-wrong"),
            ];
            let errors = field_errors(page, error, &fields)?;
            answer(page, &place, draft, errors)
        }
    }
}

fn answer(page: &Page, place: &Place, draft: Draft, errors: FieldErrors) -> Result<Response, Problem> {
    page.html(&AnswerView {
        page: page.clone(),
        id: place.id.clone(),
        name: place.state.bin.name.clone(),
        draft,
        senders: Sender::ALL.map(Sender::as_str),
        errors,
    })
}

impl Draft {
    fn of(it: &BinResponse) -> Draft {
        let text = it.body.as_deref().map(std::str::from_utf8);
        let status = |kind| match kind {
            FaultKind::Status(status) => status.to_string(),
            FaultKind::Timeout | FaultKind::Drip | FaultKind::Reset => String::new(),
        };
        Draft {
            status: it.status.to_string(),
            sequence: it.sequence.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
            content_type: it.content_type.clone().unwrap_or_default(),
            headers: it
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
                .join("\n"),
            body: text.and_then(Result::ok).unwrap_or_default().to_owned(),
            has_bytes: text.is_some_and(|it| it.is_err()),
            delay_ms: it.delay_ms.to_string(),
            handshake: it.handshake.as_ref().map_or("", |it| it.sender.as_str()).to_owned(),
            has_secret: it.handshake.as_ref().is_some_and(|it| it.secret.is_some()),
            fault: it.fault.map_or("", |it| it.kind.as_str()).to_owned(),
            fault_percent: it.fault.map_or(100, |it| it.percent).to_string(),
            fault_status: it.fault.map_or_else(String::new, |it| status(it.kind)),
        }
    }

    /// Returns what somebody typed, with what the form does not have taken from the answer before.
    fn typed(form: &Form, before: &BinResponse) -> Draft {
        let text = |name: &str| form.get(name).to_owned();
        let lines = |name: &str| form.raw(name).replace("\r\n", "\n");
        let before = Draft::of(before);
        Draft {
            status: text("status"),
            sequence: text("sequence"),
            content_type: text("content_type"),
            headers: lines("headers"),
            body: lines("body"),
            delay_ms: text("delay_ms"),
            handshake: text("handshake"),
            fault: text("fault"),
            fault_percent: text("fault_percent"),
            fault_status: text("fault_status"),
            ..before
        }
    }

    /// Returns it as the API takes it. What is no number stays text, which the API refuses with the reason.
    fn json(&self, secret: &str, before: &BinResponse) -> Value {
        let number = |text: &str| text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
        let mut all = Map::new();
        let mut put = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
        if !self.status.is_empty() {
            put("status", number(&self.status));
        }
        let statuses = self.sequence.split([',', ' ']).filter(|it| !it.is_empty());
        put("sequence", statuses.map(number).collect());
        if !self.content_type.is_empty() {
            put("contentType", self.content_type.clone().into());
        }
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            json!([name.trim(), value.trim()])
        };
        put("headers", self.headers.lines().filter(|it| !it.trim().is_empty()).map(pair).collect());
        if !self.body.is_empty() {
            put("body", self.body.clone().into());
        } else if let Some(bytes) = before.body.as_ref().filter(|_| self.has_bytes) {
            put("bodyBase64", STANDARD.encode(bytes).into());
        }
        if !self.delay_ms.is_empty() {
            put("delayMs", number(&self.delay_ms));
        }
        if !self.handshake.is_empty() {
            let secret = Some(secret).filter(|it| !it.is_empty());
            put("handshake", json!({ "sender": self.handshake, "secret": secret }));
        }
        if !self.fault.is_empty() {
            let status = Some(number(&self.fault_status)).filter(|_| self.fault == "status");
            let percent = Some(&self.fault_percent).filter(|it| !it.is_empty()).map(|it| number(it));
            put("fault", json!({ "kind": self.fault, "percent": percent, "status": status }));
        }
        Value::Object(all)
    }
}

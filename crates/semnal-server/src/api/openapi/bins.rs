//! Describes `/api/v1/bin`: request bins and what they answer. What they catch is in `captured`.

use semnal_core::endpoint_url::URL_BYTES_MAX;
use semnal_core::request_bin::handshake::{HANDSHAKE_SECRET_CHARACTERS_MAX, Sender};
use semnal_core::request_bin::response::{
    DELAY_MS_MAX, FaultKind, RESPONSE_BODY_BYTES_MAX, RESPONSE_HEADER_VALUE_BYTES_MAX, RESPONSE_HEADERS_MAX,
    SEQUENCE_MAX, STATUSES,
};
use semnal_core::request_bin::{BIN_NAME_CHARACTERS_MAX, BINS_MAX};
use serde_json::json;
use utoipa::openapi::schema::{Schema, Type};

use super::super::bins::replay::{REPLAY_HEADERS_MAX, ReplayOut};
use super::super::bins::response::BinResponseOut;
use super::super::bins::{BinOut, EXPIRY_DAYS_MAX};
use super::super::page::Order;
use super::document::Document;
use super::operation::{Described, delete, get, patch, post, put};
use super::shape::{self, Body};

/// 4 characters of base64 for 3 bytes, or for what is left of them.
const RESPONSE_BODY_BASE64_CHARACTERS_MAX: usize = RESPONSE_BODY_BYTES_MAX.div_ceil(3) * 4;

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/bin";
    const ONE: &str = "/api/v1/bin/{bin_id}";
    let full = format!("Another request bin has this uid, or the organisation has {BINS_MAX} of them.");
    document
        .group("Request Bin", "URLs that record whatever is sent to them, byte for byte.")
        .add(
            get(LIST, "v1.bin.list", "List request bins")
                .page(Some(Order::Ascending))
                .answer_page::<BinOut>("The request bins, oldest first."),
        )
        .add(
            post(LIST, "v1.bin.create", "Create a request bin")
                .flag(
                    "get_if_exists",
                    false,
                    "Answer an existing request bin with the same uid instead of 409.",
                )
                .idempotent()
                .body(fields(Body::optional("BinIn")))
                .answer::<BinOut>(201, "The new request bin.")
                .answer::<BinOut>(200, "The one that existed, when `get_if_exists` is true.")
                .conflict(&full),
        )
        .add(get(ONE, "v1.bin.get", "Get a request bin").answer::<BinOut>(200, "The request bin."))
        .add(
            patch(ONE, "v1.bin.patch", "Change a request bin")
                .details("What is left out stays; null clears.")
                .body(fields(Body::patch("BinPatch")))
                .answer::<BinOut>(200, "The request bin as it is now.")
                .conflict("Another request bin has this uid."),
        )
        .add(
            delete(ONE, "v1.bin.delete", "Delete a request bin")
                .details("Everything that it caught goes with it.")
                .empty(204, "It is deleted."),
        );
    describe_response(document);
}

fn fields(body: Body) -> Body {
    let until = format!(
        "When it goes away, {EXPIRY_DAYS_MAX} days from now at most; null, or left out: some days after its last use."
    );
    let name = shape::text(1..=BIN_NAME_CHARACTERS_MAX);
    body.optional_field("uid", shape::name(), "A name of your own, usable in place of the id.")
        .with_default("name", name, "What people call it.")
        .optional_field("expiresAt", shape::instant(), &until)
}

fn describe_response(document: &mut Document) {
    const RESPONSE: &str = "/api/v1/bin/{bin_id}/response";
    document
        .group("Request Bin", "")
        .add(
            get(RESPONSE, "v1.bin.get-response", "Get what a request bin answers")
                .answer::<BinResponseOut<'_>>(200, "The answer that its senders get."),
        )
        .add(
            put(RESPONSE, "v1.bin.update-response", "Set what a request bin answers")
                .details("As a whole: what is left out has its default. A sequence begins anew.")
                .body(response())
                .answer::<BinResponseOut<'_>>(200, "The answer that its senders get from now on."),
        );
}

fn status() -> Schema {
    shape::number((*STATUSES.start()).into()..=(*STATUSES.end()).into())
}

fn response() -> Body {
    let header_value = "^[!-~]([\\t -~]*[!-~])?$";
    let content_type = shape::with_pattern(shape::text(1..=RESPONSE_HEADER_VALUE_BYTES_MAX), header_value);
    let base64 = shape::with_characters_max(shape::base64(), RESPONSE_BODY_BASE64_CHARACTERS_MAX);
    Body::whole("BinResponseIn")
        .with_default("status", shape::with_default(status(), 200), "The status.")
        .with_default(
            "sequence",
            shape::list(status(), 0..=SEQUENCE_MAX),
            "Statuses of the next requests, one each; the last one stays.",
        )
        .optional_field("contentType", content_type, "The content type; plain text when a body has none.")
        .with_default(
            "headers",
            shape::list(pair(), 0..=RESPONSE_HEADERS_MAX),
            "More headers, as pairs of name and value. Those that reach beyond the answer are refused.",
        )
        .optional_field(
            "body",
            shape::text(0..=RESPONSE_BODY_BYTES_MAX),
            "The body; a small JSON object with the id of the captured request when it is left out.",
        )
        .optional_field("bodyBase64", base64, "The body as base64; give one of the two.")
        .with_default("delayMs", shape::number(0..=DELAY_MS_MAX.into()), "Milliseconds to wait before it.")
        .nested("handshake", handshake(), "A handshake that is answered as its sender wants it.")
        .nested("fault", fault(), "What goes wrong on purpose.")
}

/// A header as a pair of its name and value.
fn pair() -> Schema {
    shape::list(shape::any_text(), 2..=2)
}

fn handshake() -> Body {
    let secret = shape::text(1..=HANDSHAKE_SECRET_CHARACTERS_MAX);
    Body::whole("handshake")
        .required(
            "sender",
            shape::one_of(Type::String, &Sender::ALL.map(Sender::as_str)),
            "Whose it is.",
            Sender::Slack.as_str(),
        )
        .optional_field(
            "secret",
            secret,
            "Zoom's secret token or Meta's verify token; left out, that of the same sender stays.",
        )
}

fn fault() -> Body {
    Body::whole("fault")
        .required("kind", shape::one_of(Type::String, &FaultKind::WORDS), "What.", "timeout")
        .optional_field("status", status(), "The other status; for `status` alone.")
        .optional_field("percent", shape::number(1..=100), "In how many of 100 requests; all when left out.")
}

/// Sends a captured request again.
pub(super) fn replay(path: &'static str) -> Described {
    let url = shape::with_format(shape::text(1..=URL_BYTES_MAX), "uri");
    let method = shape::with_pattern(shape::some_text(), "^[!#$%&'*+\\-.^_`|~0-9a-zA-Z]+$");
    let body = Body::whole("CapturedReplayIn")
        .required("url", url, "Where it goes: http or https.", "https://example.com/hook")
        .optional_field("method", method, "Instead of the captured method.")
        .optional_field(
            "headers",
            shape::list(pair(), 0..=REPLAY_HEADERS_MAX),
            "Instead of the captured headers, as pairs of name and value. Those of the connection are left out.",
        )
        .optional_field("body", shape::any_text(), "Instead of the captured body.")
        .optional_field("bodyBase64", shape::base64(), "The same as base64; give one of the two.");
    post(path, "v1.bin.replay-request", "Send a captured request again")
        .details(
            "Once, by the way that deliveries take, and nothing of it is kept. A repeated request sends it again.",
        )
        .body(body)
        .answer::<ReplayOut>(200, "What became of it, also when it failed.")
        .conflict("It cannot be sent as it was captured: its body was cut, or a header cannot be sent.")
}

/// Checks the signature of a captured request.
pub(super) fn secret_to_verify() -> Body {
    let pattern = "^(whsec_|whsk_|whpk_)?[A-Za-z0-9+/]+={0,2}$";
    let secret = shape::with_pattern(shape::text(32..=super::endpoints::SECRET_CHARACTERS_MAX), pattern);
    let example = json!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    Body::whole("CapturedVerifyIn").required(
        "secret",
        secret,
        "The secret of the endpoint, or its public key.",
        example,
    )
}

//! Checking a request's signature: with the secret of a webhook that leads to the bin, or with one that is pasted. A secret
//! is used and forgotten; the page never has it again.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::IdKind;
use semnal_core::inspect::visible;
use semnal_core::request_bin::capture::CapturedRequest;
use semnal_core::signature::{Secret, Verifier};

use super::reading::TEXT_BYTES_MAX;
use super::{Place, bins::verify};
use crate::console::form::{FieldErrors, Form};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;
use crate::console::webhooks;

/// The form, and what was found.
#[derive(Template)]
#[template(path = "bin_verify.html")]
struct VerifyView {
    page: Page,
    id: String,
    name: String,
    number: u32,
    webhooks: Vec<Webhook>,
    errors: FieldErrors,
    verdict: Option<Shown>,
}

/// A webhook whose secret can be chosen.
struct Webhook {
    id: String,
    name: String,
    is_chosen: bool,
}

/// What was found, in words.
struct Shown {
    is_valid: bool,
    reason: String,
    headers: &'static str,
    message_id: String,
    timestamp: String,
    skew: String,
    base_string: String,
    expected: String,
    got: Vec<String>,
}

/// `GET …/verify`
pub(super) async fn show(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let it = place.request(&request).await?;
    answer(&signed.page, &place, &it, "", FieldErrors::default(), None)
}

/// `POST …/verify`
pub(super) async fn verify(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let it = place.request(&request).await?;
    let (pasted, webhook) = (form.get("secret"), form.get("webhook"));
    let mut errors = FieldErrors::default();
    let mut found = None;
    if pasted.is_empty() {
        let endpoints = place.endpoints(&place.api.store.configuration());
        match endpoints.iter().find(|(endpoint, _)| public_id(&place, endpoint) == webhook) {
            Some((endpoint, _)) => found = with_secrets(&it, endpoint),
            None => errors.add("secret", page.t("bin-verify-nothing")),
        }
    } else {
        match Verifier::parse(pasted) {
            Ok(verifier) => {
                found = Some(verify::verdict(&it, &verifier, Secret::parse(pasted).ok().as_ref()))
            }
            Err(error) => errors.add("secret", page.s("bin-verify-secret-wrong", "detail", error)),
        }
    }
    let shown = found.map(|it| in_words(page, it));
    answer(page, &place, &it, webhook, errors, shown)
}

/// Tries every secret of an endpoint that still signs: the first that holds counts, else the current one.
fn with_secrets(it: &CapturedRequest, endpoint: &Endpoint) -> Option<verify::VerdictOut> {
    let check = |secret: &Secret| {
        let verifier = Verifier::parse(&secret.verification_key()).ok()?;
        Some(verify::verdict(it, &verifier, Some(secret)))
    };
    let mut all: Vec<verify::VerdictOut> =
        endpoint.secrets.iter().filter_map(|it| check(&it.secret)).collect();
    let at = all.iter().position(|it| it.valid).unwrap_or(0);
    (at < all.len()).then(|| all.swap_remove(at))
}

fn public_id(place: &Place, endpoint: &Endpoint) -> String {
    place.api.store.ids().encode(IdKind::Endpoint, endpoint.application.partition(), endpoint.id.0)
}

fn in_words(page: &Page, it: verify::VerdictOut) -> Shown {
    let reason = match it.reason {
        "valid" => page.t("bin-verify-valid"),
        "missing_header" => page.s("bin-verify-missing", "detail", &it.detail),
        "bad_timestamp" => page.t("bin-verify-timestamp"),
        "timestamp_too_old" => page.t("bin-verify-old"),
        "timestamp_too_new" => page.t("bin-verify-new"),
        "body_cut" => page.t("bin-verify-cut"),
        _ => page.t("bin-verify-no-match"),
    };
    let line = |text: Option<String>| text.map(|it| visible::line(it.as_bytes())).unwrap_or_default();
    let base = it.base_string.unwrap_or_default();
    let shown = base.as_bytes().get(..TEXT_BYTES_MAX).unwrap_or(base.as_bytes());
    Shown {
        is_valid: it.valid,
        reason,
        headers: it.prefix.unwrap_or("webhook"),
        message_id: line(it.message_id),
        timestamp: line(it.timestamp),
        skew: it
            .skew_seconds
            .map(|seconds| page.s("bin-verify-seconds", "seconds", seconds))
            .unwrap_or_default(),
        base_string: visible::text(shown),
        expected: it.expected.unwrap_or_default(),
        got: it.got.iter().map(|it| visible::line(it.as_bytes())).collect(),
    }
}

fn answer(
    page: &Page,
    place: &Place,
    it: &CapturedRequest,
    chosen: &str,
    errors: FieldErrors,
    verdict: Option<Shown>,
) -> Result<Response, Problem> {
    let configuration = place.api.store.configuration();
    let webhook = |endpoint: &Endpoint| {
        let id = public_id(place, endpoint);
        Webhook { is_chosen: id == chosen, id, name: webhooks::name(endpoint) }
    };
    page.html(&VerifyView {
        page: page.clone(),
        id: place.id.clone(),
        name: place.state.bin.name.clone(),
        number: it.id.number,
        webhooks: place.endpoints(&configuration).iter().map(|(endpoint, _)| webhook(endpoint)).collect(),
        errors,
        verdict,
    })
}

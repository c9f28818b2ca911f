//! Renaming a bin, choosing when it goes, emptying and deleting it, and deleting one of its requests.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Place, bins, field_errors};
use crate::console::flash::Flash;
use crate::console::form::{FieldErrors, Form};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;
use semnal_core::request_bin::Expiry;

/// 16 characters of a time as `datetime-local` writes it: `2026-01-31T12:00`.
const MINUTE_CHARACTERS: usize = 16;

/// The form.
#[derive(Template)]
#[template(path = "bin_edit.html")]
struct EditView {
    page: Page,
    id: String,
    title: String,
    name: String,
    /// It goes at a time that somebody chose.
    has_time: bool,
    expires_at: String,
    errors: FieldErrors,
}

/// The question before something is lost.
#[derive(Template)]
#[template(path = "bin_ask.html")]
struct AskView {
    page: Page,
    id: String,
    heading: String,
    text: String,
    action: String,
    label: String,
}

/// `GET /bins/{bin}/edit`
pub(super) async fn edit(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let (has_time, at) = match place.state.bin.expiry {
        Expiry::AfterUse => (false, place.bins.bins.expires_at(&place.state)),
        Expiry::At(at) => (true, at),
    };
    let name = place.state.bin.name.clone();
    let expires_at = at.to_rfc3339().chars().take(MINUTE_CHARACTERS).collect();
    let (page, errors) = (signed.page.clone(), FieldErrors::default());
    signed.page.html(&EditView {
        page,
        id: place.id,
        title: name.clone(),
        name,
        has_time,
        expires_at,
        errors,
    })
}

/// `POST /bins/{bin}/edit`
pub(super) async fn save(signed: Signed, Path(bin): Path<String>, form: Form) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let (name, at) = (form.get("name"), form.get("expires_at"));
    let has_time = form.get("expiry") == "at";
    let time: Value = if has_time { format!("{at}:00Z").into() } else { Value::Null };
    let body = json!({ "name": name, "expiresAt": time }).to_string();
    match bins::modify(&place.api, &place.bins, place.view, &place.id, body.as_bytes()).await {
        Ok(state) => Ok(page.redirect(&place.path(""), &Flash::good("bins-saved").about(&state.bin.name))),
        Err(error) => {
            let fields =
                [("name", "name", "bins-name-wrong"), ("expires_at", "expiresAt", "bins-expiry-wrong")];
            let errors = field_errors(page, error, &fields)?;
            let title = place.state.bin.name.clone();
            let (name, expires_at) = (name.to_owned(), at.to_owned());
            page.html(&EditView {
                page: page.clone(),
                id: place.id,
                title,
                name,
                has_time,
                expires_at,
                errors,
            })
        }
    }
}

/// `GET /bins/{bin}/empty`
pub(super) async fn ask_empty(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    page.html(&AskView {
        heading: page.s("bins-empty-title", "name", &place.state.bin.name),
        text: page.n("bins-empty-text", place.state.tally.requests),
        action: place.path("/empty"),
        label: page.t("bins-empty"),
        id: place.id,
        page: page.clone(),
    })
}

/// `POST /bins/{bin}/empty`
pub(super) async fn empty(signed: Signed, Path(bin): Path<String>, _: Form) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    place.bins.bins.empty(place.state.bin.id).await?;
    Ok(signed.page.redirect(&place.path(""), &Flash::good("bins-emptied").about(&place.state.bin.name)))
}

/// `GET /bins/{bin}/delete`
pub(super) async fn ask_delete(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let endpoints = place.endpoints(&place.api.store.configuration());
    page.html(&AskView {
        heading: page.s("bins-delete-title", "name", &place.state.bin.name),
        text: match endpoints.len() {
            0 => page.t("bins-delete-text"),
            webhooks => page.n("bins-delete-used", webhooks),
        },
        action: place.path("/delete"),
        label: page.t("bins-delete"),
        id: place.id,
        page: page.clone(),
    })
}

/// `POST /bins/{bin}/delete`: with everything that it caught.
pub(super) async fn delete(signed: Signed, Path(bin): Path<String>, _: Form) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    bins::remove(&place.bins, place.state.bin.id).await?;
    Ok(signed.page.redirect("/bins", &Flash::good("bins-deleted").about(&place.state.bin.name)))
}

/// `POST /bins/{bin}/requests/{request}/delete`
pub(super) async fn delete_request(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
    _: Form,
) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let found = place.request(&request).await?;
    place.bins.bins.delete(found.id).await?;
    let flash = Flash::good("bin-request-deleted").about(&found.id.number.to_string());
    Ok(signed.page.redirect(&place.path(""), &flash))
}

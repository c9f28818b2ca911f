//! `/bins`: the request bins of an organisation, and their routes. One bin is in `bins/inbox.rs`.
//!
//! Bins belong to the organisation, so that a portal, which opens one application, sees none. What they caught is data of
//! strangers: it is shown as text, with what cannot be seen made visible, and never as a link, a picture or a page.

mod answer;
mod compare;
mod inbox;
pub(super) mod leads;
mod live;
mod manage;
mod reading;
mod replay;
pub(super) mod seen;
mod signature;
mod take_out;
mod tree;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use http::header;
use semnal_core::id::{BinId, OrganisationId};
use semnal_core::request_bin::BINS_MAX;
use semnal_store::bins::BinState;
use serde_json::json;

use super::Console;
use super::flash::Flash;
use super::form::{FieldErrors, Form};
use super::page::{Page, Signed};
use super::parts::When;
use super::problem::Problem;
use crate::api::{ApiError, ApiState, BinsApi, BinsAway, View, bins};
use seen::Seen;

/// Every route of the bins.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/bins", get(list).post(create))
        .route("/bins/{bin}", get(inbox::bin))
        .route("/bins/{bin}/list", get(inbox::list))
        .route("/bins/{bin}/stream", get(live::get))
        .route("/bins/{bin}/export", get(take_out::export))
        .route("/bins/{bin}/edit", get(manage::edit).post(manage::save))
        .route("/bins/{bin}/empty", get(manage::ask_empty).post(manage::empty))
        .route("/bins/{bin}/delete", get(manage::ask_delete).post(manage::delete))
        .route("/bins/{bin}/response", get(answer::show).post(answer::save))
        .route("/bins/{bin}/requests/{request}", get(inbox::request))
        .route("/bins/{bin}/requests/{request}/delete", post(manage::delete_request))
        .route("/bins/{bin}/requests/{request}/raw", get(take_out::raw))
        .route("/bins/{bin}/requests/{request}/copy", get(take_out::copy))
        .route("/bins/{bin}/requests/{request}/verify", get(signature::show).post(signature::verify))
        .route("/bins/{bin}/requests/{request}/replay", get(replay::show).post(replay::send))
        .route("/bins/{bin}/requests/{request}/diff", get(compare::show))
}

/// A bin that a page names, and what its handlers need.
struct Place {
    api: Arc<ApiState>,
    bins: BinsApi,
    view: View,
    state: BinState,
    /// Its public id.
    id: String,
}

impl Place {
    /// Finds a bin of the viewer's organisation.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for a portal, [`Problem::NotFound`] when there is none.
    fn find(signed: &Signed, text: &str) -> Result<Place, Problem> {
        signed.viewer.manages()?;
        let api = signed.page.console.api.clone();
        let bins = api.bins.clone().map_err(|_| Problem::NotFound)?;
        let view = View::whole(signed.viewer.organisation);
        let state = bins::find(&api, &bins, view, text)?;
        let id = bins::public_id(api.store.ids(), state.bin.id);
        Ok(Place { api, bins, view, state, id })
    }

    /// Returns the path of a page about the bin.
    fn path(&self, rest: &str) -> String {
        format!("/bins/{}{rest}", self.id)
    }

    fn url(&self) -> String {
        bins::url(&self.api, &self.bins, &self.state.bin)
    }
}

/// A bin, for whoever offers bins to choose from.
pub(crate) struct BinLink {
    /// Its public id.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) name: String,
    /// Where senders reach it.
    pub(crate) url: String,
    state: BinState,
}

/// Returns the bins of an organisation, newest first; none while there are no bins on this server.
pub(crate) fn of_organisation(api: &ApiState, organisation: OrganisationId) -> Vec<BinLink> {
    let Ok(bins) = &api.bins else { return Vec::new() };
    let link = |state: BinState| BinLink {
        id: bins::public_id(api.store.ids(), state.bin.id),
        name: state.bin.name.clone(),
        url: bins::url(api, bins, &state.bin),
        state,
    };
    bins.bins.of_organisation(organisation).into_iter().rev().map(link).collect()
}

/// How far an organisation has come with bins.
pub(super) struct Progress {
    /// The path of the newest bin, or of the list while there is none.
    pub(super) path: String,
    /// There is a bin.
    pub(super) has_bin: bool,
    /// One has caught something.
    pub(super) has_caught: bool,
}

/// Tells how far an organisation has come with bins, for the walk-through.
pub(super) fn progress(api: &ApiState, organisation: OrganisationId) -> Progress {
    let all = of_organisation(api, organisation);
    let has_caught = |it: &&BinLink| it.state.tally.last_number > 0;
    let best = all.iter().find(has_caught).or(all.first());
    Progress {
        path: best.map_or_else(|| "/bins".to_owned(), |it| format!("/bins/{}", it.id)),
        has_bin: best.is_some(),
        has_caught: all.iter().any(|it| has_caught(&it)),
    }
}

/// The list.
#[derive(Template)]
#[template(path = "bins.html")]
struct ListView {
    page: Page,
    rows: Vec<Row>,
    total: usize,
    filter: String,
    /// The name that was typed for a new bin.
    name: String,
    errors: FieldErrors,
    /// Why there are no bins; empty when there can be some.
    away: String,
}

/// One bin.
struct Row {
    id: String,
    name: String,
    url: String,
    requests: u64,
    unread: u64,
    size: String,
    used: When,
    expires: When,
}

/// `GET /bins?q`
async fn list(signed: Signed) -> Result<Response, Problem> {
    answer(&signed, String::new(), FieldErrors::default())
}

fn answer(signed: &Signed, name: String, errors: FieldErrors) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    let page = &signed.page;
    let api = &page.console.api;
    let (seen, filter) = (Seen::of(page), page.query("q").unwrap_or_default());
    let all = of_organisation(api, signed.viewer.organisation);
    let wanted = filter.trim().to_lowercase();
    let fits = |it: &&BinLink| format!("{}\n{}", it.name, it.url).to_lowercase().contains(&wanted);
    let row = |it: &BinLink| Row {
        id: it.id.clone(),
        name: it.name.clone(),
        url: it.url.clone(),
        requests: it.state.tally.requests,
        unread: seen.unread(&it.id, &it.state.tally),
        size: size(page, it.state.tally.bytes),
        used: page.when(it.state.tally.used_at),
        expires: page.when(api.bins.as_ref().map_or(page.now, |bins| bins.bins.expires_at(&it.state))),
    };
    let away = match &api.bins {
        Ok(_) => String::new(),
        Err(BinsAway::TurnedOff) => page.t("bins-off"),
        Err(BinsAway::Broken) => page.t("bins-broken"),
    };
    let rows = all.iter().filter(fits).map(row).collect();
    page.html(&ListView { page: page.clone(), rows, total: all.len(), filter, name, errors, away })
}

/// `POST /bins`: in one click; without a name the bin is numbered.
async fn create(signed: Signed, form: Form) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    let page = &signed.page;
    let api = page.console.api.clone();
    let bins = api.bins.as_ref().map_err(|_| Problem::NotFound)?;
    let name = form.get("name");
    let number = bins.bins.of_organisation(signed.viewer.organisation).len() + 1;
    let given = if name.is_empty() { page.s("bins-unnamed", "number", number) } else { name.to_owned() };
    let body = json!({ "name": given }).to_string();
    let made =
        bins::insert(&api, bins, View::whole(signed.viewer.organisation), None, false, body.as_bytes());
    match made.await {
        Ok((_, state)) => {
            let path = format!("/bins/{}", bins::public_id(api.store.ids(), state.bin.id));
            Ok(page.redirect(&path, &Flash::good("bins-created").about(&state.bin.name)))
        }
        Err(ApiError::Conflict(_)) => {
            let mut errors = FieldErrors::default();
            errors.add("name", page.n("bins-too-many", BINS_MAX));
            answer(&signed, name.to_owned(), errors)
        }
        Err(error) => {
            let errors = field_errors(page, error, &[("name", "name", "bins-name-wrong")])?;
            answer(&signed, name.to_owned(), errors)
        }
    }
}

/// Says in words of the page what the API's rules found wrong with fields: each is the name of a form's field, that of the
/// body's, and the key of a text with the variable `$detail`.
///
/// # Errors
/// What is not about a field of the form.
fn field_errors(
    page: &Page,
    error: ApiError,
    fields: &[(&'static str, &'static str, &'static str)],
) -> Result<FieldErrors, Problem> {
    let ApiError::Invalid(problems) = error else { return Err(error.into()) };
    let mut errors = FieldErrors::default();
    for (field, place, key) in fields {
        if let Some(problem) = problems.iter().find(|it| it.is_at(&["body", place])) {
            errors.add(field, page.s(key, "detail", problem.message()));
        }
    }
    if errors.is_empty() { Err(Problem::Failed) } else { Ok(errors) }
}

/// Writes a number of bytes for people: `12 B`, `3.4 KiB`.
fn size(page: &Page, bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    // In tenths, so that no floating point is needed.
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1_024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1_024, unit + 1);
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let whole = page.number(whole);
    if tenth == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}{}{tenth} {}", page.t("decimal-mark"), UNITS[unit])
    }
}

/// Returns an answer that also notes what was seen of a bin.
fn with_seen(page: &Page, mut response: Response, id: &str, last: u32, all: &[BinId]) -> Response {
    let ids = page.console.api.store.ids();
    let known: Vec<String> = all.iter().map(|it| bins::public_id(ids, *it)).collect();
    let cookie = Seen::of(page).and(id, last, &known).write();
    response
        .headers_mut()
        .append(header::SET_COOKIE, page.channel.write(seen::COOKIE, &cookie, Some(seen::LIFE)));
    response
}

//! The console: pages for people, beside the API on the same listener. Every page works without a script.
//!
//! A request passes [`visit::receive`], which finds out the language, the theme, the connection and the viewer, and
//! writes the headers that every page has. It reaches a handler (one file per page), which reads the store's snapshot
//! and returns a page, a redirect after a form (POST-redirect-GET, with a [`flash::Flash`]), or a [`problem::Problem`],
//! which becomes a page in the viewer's language. Requests of programs go past all this to the API.
//!
//! # A new page in ten lines
//! 1. `console/things.rs`: `pub(super) async fn list(signed: Signed) -> Result<Response, Problem>`; `signed.viewer` says
//!    what may be seen (ask it with `may` and `application` before anything else), `signed.page` is for the template.
//! 2. A struct with `#[derive(Template)]`, `#[template(path = "things.html")]` and a field `page: Page`; end the handler
//!    with `page.html(&view)`.
//! 3. `templates/things.html`: `{% extends "layout.html" %}`, `{% import "ui.html" as ui %}`, the blocks `title` and
//!    `content`. Everything on a page is made of the macros of `ui.html` (all of them are shown at `/components`).
//! 4. A route below in [`router`]. A form posts to a path of its own, starts with `{{ ui::form_token(page) }}`, is read by
//!    the extractor [`form::Form`], and its handler ends with `page.redirect("/things", Flash::good(key))`.
//! 5. Texts: `locales/en/things.ftl` and `locales/ro/things.ftl`, named in `FILES` of [`language`]; in templates
//!    `page.t(key)`, `page.n(key, count)`, `page.s(key, variable, value)`. Tests find what lacks or is not used.
//! 6. Icons: a `<symbol id="…">` in `assets/icons.svg`, 20 px, no fill; `{{ ui::icon(page, "…") }}`.
//! 7. Styles: a file in `assets/css/`, named in `STYLE` of [`assets`]; no `style` attributes, the policy forbids them.
//! 8. A link or form with `data-swap` is fetched by the script and replaces the content; without it the page loads.
//! 9. A link with `data-dialog` opens its page in a dialog; without a script it is a page.
//! 10. `dev/browser/things.test.mjs` visits it in both languages, themes and widths; see `dev/browser/README.md`.

mod assets;
mod attempts;
pub(crate) mod bins;
mod catalogue;
mod causes;
mod cookies;
mod dashboard;
mod deliveries;
mod events;
mod facts;
mod flash;
mod form;
mod gallery;
mod ids;
mod integrations;
mod json_view;
mod language;
pub(crate) mod links;
mod login;
mod page;
mod parts;
mod preferences;
mod problem;
mod secrets;
mod settings;
mod start;
mod streams;
#[cfg(test)]
mod tests;
mod viewer;
mod visit;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{Method, header};
use tower::ServiceExt;

use crate::api::ApiState;
use assets::Assets;
use attempts::Attempts;
pub(crate) use facts::ServerFacts;
use language::Texts;
use problem::Problem;
use secrets::{FormKey, Passwords};
use streams::Streams;

/// What every page has at hand.
pub(crate) struct Console {
    /// What the API has: the store, the clock, the limits.
    pub(crate) api: Arc<ApiState>,
    /// Development mode: the server says so on every page, and shows the components.
    pub(crate) dev: bool,
    /// What is known of the server beside that.
    pub(crate) facts: ServerFacts,
    texts: [Arc<Texts>; 2],
    assets: Assets,
    forms: FormKey,
    passwords: Passwords,
    attempts: Attempts,
    streams: Arc<Streams>,
}

impl Console {
    /// Makes the console of a server.
    pub(crate) fn new(api: Arc<ApiState>, dev: bool) -> Console {
        let forms = FormKey::new(api.store.token_key());
        Console {
            api,
            dev,
            facts: ServerFacts::default(),
            texts: Texts::all(),
            assets: Assets::new(),
            forms,
            passwords: Passwords::new(),
            attempts: Attempts::default(),
            streams: Arc::default(),
        }
    }

    /// Says what is known of the server.
    pub(crate) fn with_facts(mut self, facts: ServerFacts) -> Console {
        self.facts = facts;
        self
    }
}

/// Returns every page; what is none of them goes to `api`.
pub(crate) fn router(console: Console, api: Router) -> Router {
    let console = Arc::new(console);
    let mut pages = Router::new()
        .route("/", get(start::show))
        .route("/login", get(login::show).post(login::submit))
        .route("/login/portal", post(login::portal))
        .route("/logout", post(login::logout))
        .route("/welcome/{link}", get(login::welcome::show).post(login::welcome::submit))
        .route("/preferences", post(preferences::submit))
        .merge(webhooks::routes())
        .merge(bins::routes());
    for add in [deliveries::routes, events::routes, catalogue::routes, settings::routes, dashboard::routes] {
        pages = add(pages);
    }
    if console.dev {
        pages = pages.route("/components", get(gallery::show));
    }
    let receive = from_fn_with_state(console.clone(), visit::receive);
    let unknown = Router::new().fallback(async || Problem::NotFound).layer(receive.clone());
    let unknown = unknown.with_state(console.clone());
    let beyond = move |request: Request| {
        let (api, unknown) = (api.clone(), unknown.clone());
        async move { answer_beyond(request, api, unknown).await }
    };
    pages
        .method_not_allowed_fallback(async || Problem::NotFound)
        .layer(receive)
        .route("/assets/{name}", get(assets::get))
        .fallback(beyond)
        .with_state(console)
}

/// Answers what is no page: the API does, unless a person asks with a browser for something that it has not either.
async fn answer_beyond(request: Request, api: Router, unknown: Router) -> Response {
    let router = if is_of_a_person(&request) { unknown } else { api };
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Paths that programs use, whatever they accept.
const PROGRAMS: &[&str] =
    &["/api", "/wp-json", "/in/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/control"];

fn is_of_a_person(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
    request.method() == Method::GET
        && accepts.is_some_and(|it| it.contains("text/html"))
        && !PROGRAMS.iter().any(|prefix| request.uri().path().starts_with(prefix))
}

impl IntoResponse for Problem {
    /// [`visit::receive`] makes a page of it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

//! `/`: what to do first, ticking off by what the store holds.

use askama::Template;
use axum::response::Response;
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_store::views::filter::{Direction, Kind, MessageFilter, Slice, Span};

use super::bins;
use super::page::{Page, Signed};
use super::problem::Problem;

/// A step of the walk-through.
struct Step {
    title: String,
    text: String,
    action: String,
    path: String,
    is_done: bool,
}

/// The start page.
#[derive(Template)]
#[template(path = "start.html")]
struct StartView {
    page: Page,
    steps: Vec<Step>,
    done: u64,
    /// The first step that is not done.
    next: usize,
}

/// `GET /`
pub(super) async fn show(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration);
    let bins = bins::progress(&page.console.api, viewer.organisation);
    let done = match &application {
        Some(it) => progress(&page, &configuration, it, &bins).await?,
        None => [bins.has_bin, false, false, bins.has_caught],
    };
    let step = |title: String, text: String, action: String, path: &str, is_done| Step {
        title,
        text,
        action,
        path: path.to_owned(),
        is_done,
    };
    let steps = vec![
        step(page.t("start-bin"), page.t("start-bin-text"), page.t("start-bin-action"), "/bins", done[0]),
        step(
            page.t("start-webhook"),
            page.t("start-webhook-text"),
            page.t("start-webhook-action"),
            "/webhooks/new",
            done[1],
        ),
        step(
            page.t("start-test"),
            page.t("start-test-text"),
            page.t("start-test-action"),
            "/webhooks",
            done[2],
        ),
        step(
            page.t("start-look"),
            page.t("start-look-text"),
            page.t("start-look-action"),
            &bins.path,
            done[3],
        ),
    ];
    let count = done.iter().map(|it| u64::from(*it)).sum();
    let next = done.iter().position(|it| !it).unwrap_or(steps.len());
    page.html(&StartView { page: page.clone(), steps, done: count, next })
}

/// Tells which steps are done: a bin, a webhook, an event that was sent, a request in the bin.
async fn progress(
    page: &Page,
    configuration: &Configuration,
    application: &Application,
    bins: &bins::Progress,
) -> Result<[bool; 4], Problem> {
    let has_webhook = !configuration.endpoints_of(application.id).is_empty();
    let filter = MessageFilter { application: application.id, kind: Kind::default(), span: Span::default() };
    let slice = Slice { from: None, direction: Direction::Older, limit: 1 };
    let sent = page.console.api.store.list(move |reader| reader.list_messages(&filter, &slice)).await?;
    Ok([bins.has_bin, has_webhook, has_webhook && !sent.items.is_empty(), bins.has_caught])
}

//! What is done to several webhooks at once, and to one by its row: pause, resume, delete. Deleting asks first.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::configuration::Change;
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::portal::Capability;

use super::name;
use crate::console::flash::Flash;
use crate::console::form::Form;
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// 1,000 webhooks are changed at once.
const AT_ONCE_MAX: usize = 1_000;
/// Where people come back to when the form does not say.
const LIST: &str = "/webhooks";

/// The question before webhooks are deleted.
#[derive(Template)]
#[template(path = "webhook_delete.html")]
struct DeleteView {
    page: Page,
    /// Ids and names.
    all: Vec<(String, String)>,
    back: String,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Pause,
    Resume,
    Delete,
}

/// `POST /webhooks/bulk`: `webhook` several times, and `act`.
pub(in crate::console) async fn submit(signed: Signed, form: Form) -> Result<Response, Problem> {
    signed.viewer.may(Capability::ManageEndpoint)?;
    let ids: Vec<String> = form.every("webhook").take(AT_ONCE_MAX).map(str::to_owned).collect();
    let back = back(&form);
    if ids.is_empty() {
        return Ok(signed.page.redirect(&back, &Flash::bad("webhooks-none-chosen")));
    }
    match form.get("act") {
        "pause" => act(&signed, ids, Act::Pause, &back).await,
        "resume" => act(&signed, ids, Act::Resume, &back).await,
        "delete" if form.get("sure") == "yes" => act(&signed, ids, Act::Delete, &back).await,
        "delete" => ask(&signed, ids, back),
        _ => Err(Problem::UnreadableForm),
    }
}

/// `GET /webhooks/{endpoint}/delete`: asks first.
pub(in crate::console) async fn ask_delete(
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    signed.viewer.may(Capability::ManageEndpoint)?;
    ask(&signed, vec![id], LIST.to_owned())
}

/// Returns where to go after a form: the place that it came from, when that is one of the webhooks' pages.
pub(super) fn back(form: &Form) -> String {
    let given = form.get("back");
    let path = given.split('?').next().unwrap_or_default();
    let is_ours = path == LIST || path.starts_with("/webhooks/");
    let is_plain = given.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_ours && is_plain && !path.contains("//") { given.to_owned() } else { LIST.to_owned() }
}

fn ask(signed: &Signed, ids: Vec<String>, back: String) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let mut all = Vec::new();
    for id in ids {
        let (it, _) = viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
        let name = name(it);
        all.push((id, name));
    }
    page.html(&DeleteView { page: page.clone(), all, back })
}

async fn act(signed: &Signed, ids: Vec<String>, act: Act, back: &str) -> Result<Response, Problem> {
    let (page, viewer) = (&signed.page, signed.viewer.clone());
    let (cipher, now) = (page.console.api.store.ids().clone(), page.now);
    let done = page.change(move |configuration| {
        let (mut changes, mut names) = (Vec::new(), Vec::new());
        for id in &ids {
            // Whatever was deleted meanwhile needs nothing more.
            let Ok((found, _)) = viewer.endpoint(configuration, &cipher, id) else { continue };
            let put = |state| {
                Change::PutEndpoint(Box::new(Endpoint { state, updated_at: now, ..(**found).clone() }))
            };
            let change = match (act, found.state) {
                (Act::Pause, EndpointState::Active) => put(EndpointState::Paused),
                (Act::Resume, EndpointState::Paused | EndpointState::Disabled(_)) => {
                    put(EndpointState::Active)
                }
                (Act::Delete, _) => Change::DeleteEndpoint(found.id),
                // A disabled one keeps its reason.
                (Act::Pause | Act::Resume, _) => continue,
            };
            changes.push(change);
            names.push(name(found));
        }
        Ok((changes, names))
    });
    let names = done.await?;
    let subject = match names.as_slice() {
        [one] => one.clone(),
        all => all.len().to_string(),
    };
    let flash = match act {
        Act::Pause => Flash::good("webhooks-did-pause"),
        Act::Resume => Flash::good("webhooks-did-resume"),
        Act::Delete => Flash::good("webhooks-did-delete"),
    };
    Ok(page.redirect(back, &flash.about(&subject)))
}

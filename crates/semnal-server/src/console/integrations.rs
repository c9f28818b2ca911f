//! `/settings/integrations`: keys for other systems. A key and its secret open `/wp-json/wu/v2` of one application; an
//! address at `/in` takes the events of one.

use askama::Template;
use axum::response::Response;
use semnal_core::application::ApiKey;
use semnal_core::configuration::Configuration;

use super::form::{FieldErrors, Form};
use super::page::{Page, Signed};
use super::problem::Problem;
use super::settings::{KeyRow, key_errors, key_rows, lives};
use crate::api::ApiError;
use crate::ultimate_multisite::keys::{self, Asked, PAIR, SOURCE};

/// Where the page is.
pub(super) const PATH: &str = "/settings/integrations";

/// The page.
#[derive(Template)]
#[template(path = "integrations.html")]
struct IntegrationsView {
    page: Page,
    keys: Vec<KeyRow>,
    opens_label: String,
    empty: (String, String),
    made: Option<Made>,
    name: String,
    /// The word in the form, what it says, what it is for, and whether it is chosen.
    kinds: [(&'static str, String, String, bool); 2],
    /// Public id, name, and whether it is chosen.
    applications: Vec<(String, String, bool)>,
    lives: Vec<(&'static str, String, bool)>,
    errors: FieldErrors,
}

/// What was just made; its texts are shown this once.
enum Made {
    Pair { url: String, key: String, secret: String },
    Source { url: String },
}

/// What somebody asked of a new key.
#[derive(Default)]
struct Wanted {
    name: String,
    kind: String,
    application: String,
    life: String,
}

/// `GET /settings/integrations`
pub(super) async fn show(signed: Signed) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    answer(&signed, None, &Wanted::default(), FieldErrors::default())
}

fn answer(
    signed: &Signed,
    made: Option<Made>,
    wanted: &Wanted,
    errors: FieldErrors,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let source = wanted.kind == SOURCE;
    let kinds = [
        (PAIR, page.t("integrations-pair"), page.t("integrations-pair-text"), !source),
        (SOURCE, page.t("integrations-source"), page.t("integrations-source-text"), source),
    ];
    let applications = page.applications().into_iter().map(|it| {
        let is_chosen =
            if wanted.application.is_empty() { it.is_current } else { it.id == wanted.application };
        (it.id, it.name, is_chosen)
    });
    let view = IntegrationsView {
        keys: key_rows(page, viewer, &configuration, |it| opens(page, &configuration, it)),
        opens_label: page.t("settings-scopes"),
        empty: (page.t("integrations-empty"), page.t("integrations-empty-text")),
        made,
        name: wanted.name.clone(),
        kinds,
        applications: applications.collect(),
        lives: lives(page, &wanted.life),
        errors,
        page: page.clone(),
    };
    page.html(&view)
}

/// Returns what a key of another system opens: "Webhooks and events of shop".
fn opens(page: &Page, configuration: &Configuration, it: &ApiKey) -> Option<String> {
    let application = configuration.application(it.opens.application()?);
    let name = application.map_or_else(String::new, |it| it.name.clone());
    let words = match keys::word(&it.opens)? {
        PAIR => "integrations-opens-pair",
        _ => "integrations-opens-source",
    };
    Some(page.s(words, "application", name))
}

/// `POST /settings/integrations`: answers with the texts themselves instead of leading elsewhere, since they are kept
/// nowhere.
pub(super) async fn create(signed: Signed, form: Form) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    let wanted = Wanted {
        name: form.get("name").to_owned(),
        kind: form.get("kind").to_owned(),
        application: form.get("app").to_owned(),
        life: form.get("life").to_owned(),
    };
    let api = &signed.page.console.api;
    let asked = Asked {
        integration: if wanted.kind == SOURCE { SOURCE } else { PAIR }.to_owned(),
        application: wanted.application.clone(),
        brought: None,
    };
    let life = Some(wanted.life.as_str()).filter(|it| !it.is_empty());
    let organisation = signed.viewer.organisation;
    let made =
        keys::create(&api.store, signed.page.now, &api.public_url, organisation, &wanted.name, life, asked);
    match made.await {
        Ok(made) => {
            let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
            let shown = match wanted.kind.as_str() {
                SOURCE => Made::Source { url: text("url") },
                _ => Made::Pair { url: text("url"), key: text("key"), secret: text("secret") },
            };
            answer(&signed, Some(shown), &Wanted::default(), FieldErrors::default())
        }
        Err(ApiError::Invalid(problems)) => {
            answer(&signed, None, &wanted, key_errors(&signed.page, &problems))
        }
        Err(other) => Err(other.into()),
    }
}

//! `/settings`: API keys of the organisation, how the console looks, and what the server is. Keys of other systems are in
//! [`super::integrations`].

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use semnal_core::application::{ApiKey, Opens, Scope};
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApiKeyId, IdKind};
use semnal_core::retry::RetrySchedule;

use super::Console;
use super::flash::Flash;
use super::form::{FieldErrors, Form};
use super::integrations;
use super::page::{Page, Signed};
use super::parts::{Badge, Tone, When};
use super::problem::Problem;
use super::viewer::Viewer;
use crate::api::error::Problem as InvalidField;
use crate::api::{ApiError, control};

/// How long a new key may live: the word in the form, and for the key.
const LIVES: [&str; 4] = ["30d", "90d", "365d", ""];
/// 10,000 files of the data directory are added up.
const FILES_MAX: usize = 10_000;

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsView {
    page: Page,
    keys: Vec<KeyRow>,
    opens_label: String,
    empty: (String, String),
    /// The whole text of a key that was just made; it is shown this once.
    made: String,
    name: String,
    scopes: Vec<(&'static str, String, bool)>,
    lives: Vec<(&'static str, String, bool)>,
    errors: FieldErrors,
    version: &'static str,
    data_dir: String,
    data_bytes: String,
    body_limit: String,
    schedule: String,
    attempts: usize,
    public_url: String,
}

/// One key, as a table shows it.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hint: String,
    pub(super) opens: String,
    pub(super) state: Badge,
    pub(super) created: When,
    pub(super) ends: Option<When>,
    pub(super) is_valid: bool,
}

/// The question before a key is revoked.
#[derive(Template)]
#[template(path = "key_revoke.html")]
struct RevokeView {
    page: Page,
    id: String,
    name: String,
    /// The page that lists the key.
    back: &'static str,
}

/// Adds the pages of the settings.
pub(super) fn routes(pages: Router<Arc<Console>>) -> Router<Arc<Console>> {
    pages
        .route("/settings", get(show))
        .route("/settings/keys", get(show).post(create))
        .route(integrations::PATH, get(integrations::show).post(integrations::create))
        .route("/settings/keys/{key}/revoke", get(ask_revoke).post(revoke))
}

/// `GET /settings`
async fn show(signed: Signed) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    answer(&signed, String::new(), &Asked::default(), FieldErrors::default()).await
}

/// What somebody asked of a new key.
#[derive(Default)]
struct Asked {
    name: String,
    scopes: Vec<String>,
    life: String,
}

async fn answer(
    signed: &Signed,
    made: String,
    asked: &Asked,
    errors: FieldErrors,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let facts = &page.console.facts;
    let directory = facts.data_dir.clone();
    let bytes = tokio::task::spawn_blocking(move || bytes_in(&directory)).await.unwrap_or(0);
    let scope = |it: Scope| {
        let label = match it {
            Scope::Read => page.t("settings-scope-read"),
            Scope::Send => page.t("settings-scope-send"),
            Scope::Manage => page.t("settings-scope-manage"),
        };
        (it.as_str(), label, asked.scopes.iter().any(|word| word == it.as_str()))
    };
    let view = SettingsView {
        keys: keys(page, viewer, &configuration),
        opens_label: page.t("settings-scopes"),
        empty: (page.t("settings-keys-empty"), page.t("settings-keys-empty-text")),
        made,
        name: asked.name.clone(),
        scopes: Scope::ALL.map(scope).into(),
        lives: lives(page, &asked.life),
        errors,
        version: env!("CARGO_PKG_VERSION"),
        data_dir: facts.data_dir.display().to_string(),
        data_bytes: mebibytes(page, bytes),
        body_limit: mebibytes(
            page,
            u64::try_from(page.console.api.limits.body_bytes_max).unwrap_or(u64::MAX),
        ),
        schedule: RetrySchedule::to_texts(&facts.schedule).join(", "),
        attempts: facts.schedule.attempts(),
        public_url: page.console.api.public_url.clone(),
        page: page.clone(),
    };
    page.html(&view)
}

fn keys(page: &Page, viewer: &Viewer, configuration: &Configuration) -> Vec<KeyRow> {
    let opens = |it: &ApiKey| {
        let scopes: Vec<&str> = it.scopes.iter().map(|scope| scope.as_str()).collect();
        let words = if scopes.is_empty() { page.t("settings-scope-all") } else { scopes.join(", ") };
        (it.opens == Opens::Api).then_some(words)
    };
    key_rows(page, viewer, configuration, opens)
}

/// Returns the keys of an organisation of which `opens` says what they open, newest first.
pub(super) fn key_rows(
    page: &Page,
    viewer: &Viewer,
    configuration: &Configuration,
    opens: impl Fn(&ApiKey) -> Option<String>,
) -> Vec<KeyRow> {
    let row = |it: &Arc<ApiKey>| {
        let is_expired = it.expires_at.is_some_and(|at| at <= page.now);
        let badge = |tone, icon, word| Badge { tone, icon, word };
        let state = match (it.revoked_at, is_expired) {
            (Some(_), _) => badge(Tone::Off, "off", page.t("settings-key-revoked")),
            (None, true) => badge(Tone::Off, "clock", page.t("settings-key-expired")),
            (None, false) => badge(Tone::Good, "check", page.t("settings-key-valid")),
        };
        Some(KeyRow {
            id: page.console.api.store.ids().encode(IdKind::ApiKey, 0, it.id.0),
            name: it.name.clone(),
            hint: format!("{}…", it.hint),
            opens: opens(it)?,
            state,
            created: page.when(it.created_at),
            ends: it.expires_at.map(|at| page.when(at)),
            is_valid: it.revoked_at.is_none() && !is_expired,
        })
    };
    let all = configuration.keys().filter(|it| it.organisation == viewer.organisation);
    let mut rows: Vec<KeyRow> = all.filter_map(row).collect();
    rows.reverse();
    rows
}

/// Returns how long a new key may live: the word, what it says, and whether it is chosen.
pub(super) fn lives(page: &Page, chosen: &str) -> Vec<(&'static str, String, bool)> {
    let life = |it: &'static str| {
        let days = it.trim_end_matches('d').parse::<u64>().ok();
        let label = days.map_or_else(|| page.t("settings-never-ends"), |days| page.n("settings-days", days));
        (it, label, chosen == it)
    };
    LIVES.map(life).into()
}

/// Adds up the files of the data directory. What cannot be read counts nothing.
fn bytes_in(directory: &FilePath) -> u64 {
    let (mut waiting, mut bytes, mut files): (Vec<PathBuf>, u64, usize) = (vec![directory.into()], 0, 0);
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            files += 1;
            match entry.metadata() {
                Ok(it) if it.is_dir() && files < FILES_MAX => waiting.push(entry.path()),
                Ok(it) if it.is_file() => bytes += it.len(),
                _ => {}
            }
        }
    }
    bytes
}

fn mebibytes(page: &Page, bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", page.number(bytes.div_ceil(1_024))),
        _ => format!("{} MiB", page.number(bytes.div_ceil(1_048_576))),
    }
}

/// `POST /settings/keys`: answers with the key itself instead of leading elsewhere, since it is kept nowhere.
async fn create(signed: Signed, form: Form) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    let all = Scope::ALL.map(Scope::as_str).into_iter();
    let scopes: Vec<String> =
        all.filter(|it| !form.get(&format!("scope-{it}")).is_empty()).map(str::to_owned).collect();
    let asked = Asked { name: form.get("name").to_owned(), scopes, life: form.get("life").to_owned() };
    let (store, now) = (&signed.page.console.api.store, signed.page.now);
    let life = Some(asked.life.as_str()).filter(|it| !it.is_empty());
    let organisation = signed.viewer.organisation;
    match control::create_key_in(store, now, organisation, &asked.name, &asked.scopes, life).await {
        Ok(made) => {
            let text = made["key"].as_str().unwrap_or_default().to_owned();
            answer(&signed, text, &Asked::default(), FieldErrors::default()).await
        }
        Err(ApiError::Invalid(problems)) => {
            answer(&signed, String::new(), &asked, key_errors(&signed.page, &problems)).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Says at the fields of a form what is wrong with a key that somebody asked for.
pub(super) fn key_errors(page: &Page, problems: &[InvalidField]) -> FieldErrors {
    let mut errors = FieldErrors::default();
    for it in problems {
        if it.is_at(&["body", "name"]) {
            errors.add("name", page.t("settings-key-name-wrong"));
        } else {
            errors.add("life", page.s("catalogue-field-wrong", "why", it.message()));
        }
    }
    errors
}

fn find(signed: &Signed, id: &str) -> Result<Arc<ApiKey>, Problem> {
    signed.viewer.manages()?;
    let store = &signed.page.console.api.store;
    let (_, key) = store.ids().decode(IdKind::ApiKey, id).map_err(|_| Problem::NotFound)?;
    let configuration = store.configuration();
    let found = configuration.key(ApiKeyId(key));
    found.filter(|it| it.organisation == signed.viewer.organisation).cloned().ok_or(Problem::NotFound)
}

/// Returns the page that lists a key.
fn place(it: &ApiKey) -> &'static str {
    if it.opens == Opens::Api { "/settings" } else { integrations::PATH }
}

/// `GET /settings/keys/{key}/revoke`: asks first.
async fn ask_revoke(signed: Signed, Path(id): Path<String>) -> Result<Response, Problem> {
    let it = find(&signed, &id)?;
    let page = signed.page;
    page.html(&RevokeView { name: it.name.clone(), id, back: place(&it), page: page.clone() })
}

/// `POST /settings/keys/{key}/revoke`
async fn revoke(signed: Signed, Path(id): Path<String>, _: Form) -> Result<Response, Problem> {
    let it = find(&signed, &id)?;
    control::revoke_key(&signed.page.console.api.store, signed.page.now, &id).await?;
    Ok(signed.page.redirect(place(&it), &Flash::good("settings-key-was-revoked").about(&it.name)))
}

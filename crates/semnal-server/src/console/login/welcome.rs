//! `/welcome/{link}`: sets a password once, of the first user or of one who forgot it, and logs in with it.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::account::{
    AccountChange, PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN, PasswordLink, SessionOwner,
    USER_NAME_CHARACTERS_MAX, User,
};
use semnal_core::application::DEFAULT_ORGANISATION;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::UserId;

use super::super::cookies::Channel;
use super::super::form::{FieldErrors, Form};
use super::super::page::Page;
use super::super::problem::Problem;
use super::super::secrets::digest_of;
use super::begin_session;

/// The form.
#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomeView {
    page: Page,
    errors: FieldErrors,
    /// Whose password it is; `None` for the first user, who chooses a name.
    known: Option<String>,
    name: String,
    path: String,
}

/// `GET /welcome/{link}`
pub(in super::super) async fn show(page: Page, Path(link): Path<String>) -> Result<Response, Problem> {
    answer(&page, &link, "", FieldErrors::default())
}

fn answer(page: &Page, link: &str, name: &str, errors: FieldErrors) -> Result<Response, Problem> {
    if page.channel == Channel::Open {
        return Err(Problem::OpenConnection);
    }
    let configuration = page.console.api.store.configuration();
    let found = usable(&configuration, page, &digest_of(link))?;
    let known = found.user.and_then(|id| configuration.accounts().user(id)).map(|it| it.name.clone());
    let path = format!("/welcome/{link}");
    page.html(&WelcomeView { page: page.clone(), errors, known, name: name.to_owned(), path })
}

fn usable(configuration: &Configuration, page: &Page, digest: &[u8; 32]) -> Result<PasswordLink, Problem> {
    configuration.accounts().link(digest, page.now).cloned().ok_or(Problem::LinkUsed)
}

/// `POST /welcome/{link}`
pub(in super::super) async fn submit(
    page: Page,
    Path(link): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    if page.channel == Channel::Open {
        return Err(Problem::OpenConnection);
    }
    let digest = digest_of(&link);
    let found = usable(&page.console.api.store.configuration(), &page, &digest)?;
    let (name, password) = (form.get("name").to_owned(), form.raw("password").to_owned());
    let errors = check(&page, &found, &name, &password);
    if !errors.is_empty() {
        return answer(&page, &link, &name, errors);
    }
    let hash = page.console.passwords.hash(password).await?;
    let fresh = UserId(page.console.api.store.next_key());
    let now = page.now;
    let asked = page.clone();
    let id = page
        .change(move |configuration| {
            // Again, where nobody comes between: the link counts once.
            let found = usable(configuration, &asked, &digest)?;
            let user = match found.user {
                Some(id) => {
                    let old = configuration.accounts().user(id).ok_or(Problem::LinkUsed)?;
                    User { password: hash, updated_at: now, ..(**old).clone() }
                }
                None => {
                    let organisation = configuration.organisation_by_name(DEFAULT_ORGANISATION);
                    let organisation = organisation.ok_or(Problem::Failed)?.id;
                    User { id: fresh, organisation, name, password: hash, created_at: now, updated_at: now }
                }
            };
            let id = user.id;
            let mut changes = configuration.accounts().replace_password(user);
            changes.push(AccountChange::DeleteLink(digest));
            Ok((changes.into_iter().map(|it| Change::Account(Box::new(it))).collect(), id))
        })
        .await?;
    begin_session(&page, SessionOwner::User(id), None, "/").await
}

fn check(page: &Page, link: &PasswordLink, name: &str, password: &str) -> FieldErrors {
    let mut errors = FieldErrors::default();
    if link.user.is_none() {
        if name.is_empty() {
            errors.add("name", page.t("welcome-name-missing"));
        } else if name.chars().count() > USER_NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
            errors.add("name", page.n("welcome-name-long", USER_NAME_CHARACTERS_MAX));
        }
    }
    let characters = password.chars().count();
    if characters < PASSWORD_CHARACTERS_MIN {
        errors.add("password", page.n("welcome-password-short", PASSWORD_CHARACTERS_MIN));
    } else if characters > PASSWORD_CHARACTERS_MAX {
        errors.add("password", page.n("welcome-password-long", PASSWORD_CHARACTERS_MAX));
    }
    errors
}

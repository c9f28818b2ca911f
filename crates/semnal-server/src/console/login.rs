//! Logging in and out: with a password, or with the token of an application's portal.

pub(super) mod welcome;

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::header;
use semnal_core::account::{
    AccountChange, PASSWORD_CHARACTERS_MAX, PortalGrant, SESSION_LIFE_MAX, Session, SessionOwner,
};
use semnal_core::configuration::Change;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;

use super::Console;
use super::cookies::Channel;
use super::flash::Flash;
use super::form::{FieldErrors, Form};
use super::page::Page;
use super::preferences::{APPLICATION_COOKIE, back};
use super::problem::Problem;
use super::secrets::Token;
use super::visit::GUEST_COOKIE;
use crate::api::portal_of;

/// The login.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginView {
    page: Page,
    errors: FieldErrors,
    name: String,
    back: String,
    /// There is no user yet: the server's log has the link.
    is_first_start: bool,
    /// Passwords do not go over this connection.
    is_open: bool,
}

/// Returns the path of the login that leads back to a page.
pub(super) fn path_back_to(path: &str) -> String {
    if path == "/" {
        return "/login".to_owned();
    }
    let query: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    format!("/login?back={query}")
}

/// `GET /login`
pub(super) async fn show(page: Page) -> Result<Response, Problem> {
    let asked = page.query("back").unwrap_or_default();
    if page.viewer.is_some() {
        return Ok(Redirect::to(back(&asked)).into_response());
    }
    answer(&page, "", &asked, FieldErrors::default())
}

fn answer(page: &Page, name: &str, asked: &str, errors: FieldErrors) -> Result<Response, Problem> {
    let is_first_start = page.console.api.store.configuration().accounts().users().next().is_none();
    page.html(&LoginView {
        page: page.clone(),
        errors,
        name: name.to_owned(),
        back: back(asked).to_owned(),
        is_first_start,
        is_open: page.channel == Channel::Open,
    })
}

/// `POST /login`
pub(super) async fn submit(
    State(console): State<Arc<Console>>,
    page: Page,
    form: Form,
) -> Result<Response, Problem> {
    if page.channel == Channel::Open {
        return Err(Problem::OpenConnection);
    }
    let (name, password) = (form.get("name"), form.raw("password"));
    let mut errors = FieldErrors::default();
    if name.is_empty() {
        errors.add("name", page.t("login-name-missing"));
    }
    if password.is_empty() {
        errors.add("password", page.t("login-password-missing"));
    }
    if !errors.is_empty() {
        return answer(&page, name, form.get("back"), errors);
    }
    console.attempts.begin(name, page.peer, page.now).map_err(Problem::TooManyLogins)?;
    let user = console.api.store.configuration().accounts().user_by_name(name).cloned();
    let password = password.chars().take(PASSWORD_CHARACTERS_MAX + 1).collect();
    let fits = console.passwords.fits(password, user.as_ref().map(|it| it.password.clone())).await?;
    let Some(user) = user.filter(|_| fits) else {
        tracing::info!("a login failed");
        errors.add("name", page.t("login-wrong"));
        return answer(&page, name, form.get("back"), errors);
    };
    console.attempts.succeeded(name, page.peer);
    begin_session(&page, SessionOwner::User(user.id), None, back(form.get("back"))).await
}

/// `POST /login/portal`: the script sends what the fragment of a portal's link holds.
pub(super) async fn portal(page: Page, form: Form) -> Result<Response, Problem> {
    if page.channel == Channel::Open {
        return Err(Problem::OpenConnection);
    }
    let (portal, issued) = portal_of(&page.console.api, form.get("key"))?;
    let application = page.console.api.store.configuration().application(portal.application).cloned();
    let application = application.ok_or(Problem::NotFound)?;
    let capabilities: BTreeSet<Capability> = portal.capabilities.clone();
    let grant = PortalGrant {
        application: application.id,
        capabilities,
        feature_flags: portal.feature_flags.clone(),
        fingerprint: portal.fingerprint,
        issued: issued.issued,
        session: issued.session,
    };
    let mut response =
        begin_session(&page, SessionOwner::Portal(Box::new(grant)), portal.expires_at, "/webhooks").await?;
    let cookie = page.channel.write(APPLICATION_COOKIE, &page.application_id(&application), None);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Writes a session, durable before anybody gets its cookie, and goes to a page. The session that the browser had ends.
async fn begin_session(
    page: &Page,
    owner: SessionOwner,
    until: Option<UnixMillis>,
    to: &str,
) -> Result<Response, Problem> {
    let (token, now) = (Token::make()?, page.now);
    let expires_at = until.map_or(now + SESSION_LIFE_MAX, |until| until.min(now + SESSION_LIFE_MAX));
    let new = Session { digest: token.digest, owner, created_at: now, seen_at: now, expires_at };
    let before = page.session.as_ref().map(|it| it.digest);
    page.change(move |configuration| {
        let mut changes = configuration.accounts().begin_session(new, now);
        changes.extend(before.map(AccountChange::DeleteSession));
        Ok((changes.into_iter().map(|it| Change::Account(Box::new(it))).collect(), ()))
    })
    .await?;
    let mut response = Redirect::to(to).into_response();
    let name = page.channel.session_cookie();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, page.channel.write(name, &token.text, Some(expires_at.since(now))));
    headers.append(header::SET_COOKIE, page.channel.remove(GUEST_COOKIE));
    Ok(response)
}

/// `POST /logout`
pub(super) async fn logout(page: Page, _form: Form) -> Result<Response, Problem> {
    if let Some(session) = &page.session {
        let digest = session.digest;
        page.change(move |_| Ok((vec![Change::Account(Box::new(AccountChange::DeleteSession(digest)))], ())))
            .await?;
    }
    let mut response = page.redirect("/login", &Flash::good("login-out"));
    let name = page.channel.session_cookie();
    response.headers_mut().append(header::SET_COOKIE, page.channel.remove(name));
    Ok(response)
}

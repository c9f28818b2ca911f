//! One request of a person: language, theme, connection, viewer. Made before the handler runs; the headers that every
//! page has are written after it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use semnal_core::account::{AccountChange, SESSION_TOUCH_INTERVAL, Session};
use semnal_core::configuration::Change;
use semnal_core::time::UnixMillis;
use semnal_store::store::ChangePlan;

use super::cookies::{self, Channel};
use super::flash::{self, Flash};
use super::language::{Language, Texts};
use super::page::{Page, ProblemView};
use super::preferences::{self, Theme};
use super::problem::Problem;
use super::secrets::{Token, digest_of};
use super::viewer::Viewer;
use super::{Console, bins, login};
use crate::listener::Peer;

/// Nothing but our own files, no frames, no forms to elsewhere (DESIGN 7).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A cookie of somebody who has not logged in, so that the login form has a token too.
pub(super) const GUEST_COOKIE: &str = "semnal_guest";
/// The script sends it with a request whose answer replaces the content of a page.
const FRAGMENT_HEADER: &str = "x-fragment";

/// What is known about a request.
pub(crate) struct Visit {
    pub(crate) console: Arc<Console>,
    pub(crate) texts: Arc<Texts>,
    pub(crate) theme: Theme,
    pub(crate) channel: Channel,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) viewer: Option<Viewer>,
    pub(crate) session: Option<Arc<Session>>,
    /// The text of the cookie that forms are bound to.
    pub(super) cookie: String,
    /// The token for forms.
    pub(super) form_token: String,
    /// Path and query.
    pub(crate) path: String,
    /// The id or uid of the application that the cookie names.
    pub(super) application: Option<String>,
    pub(crate) is_fragment: bool,
    /// Keys on the keyboard do something.
    pub(crate) shortcuts: bool,
    /// Times are written out, in UTC.
    pub(crate) utc: bool,
    pub(crate) flash: Option<Flash>,
    /// What the browser has seen of request bins.
    pub(super) bins_seen: Option<String>,
    pub(crate) now: UnixMillis,
}

/// Wraps every page.
pub(super) async fn receive(
    State(console): State<Arc<Console>>,
    mut request: Request,
    next: Next,
) -> Response {
    let page = match visit(&console, &request) {
        Ok(visit) => Page::new(visit),
        Err(problem) => return problem.status().into_response(),
    };
    touch(&page);
    request.extensions_mut().insert(page.clone());
    let method = request.method().clone();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Arc<Problem>>().cloned() {
        response = problem_page(*problem, &page, &method);
    }
    finish(&page, response)
}

fn visit(console: &Arc<Console>, request: &Request) -> Result<Visit, Problem> {
    let (headers, now) = (request.headers(), console.api.now());
    let peer = request.extensions().get::<Peer>().map(|it| it.0);
    let channel = channel(headers, peer, &console.api.public_url);
    let session_text = cookies::read(headers, channel.session_cookie());
    let configuration = console.api.store.configuration();
    let session = session_text.and_then(|it| configuration.accounts().session(&digest_of(it)).cloned());
    let viewer = session.as_ref().and_then(|it| Viewer::of(&configuration, it, now));
    let guest = cookies::read(headers, GUEST_COOKIE).filter(|it| !it.is_empty());
    let cookie = match (&viewer, session_text, guest) {
        (Some(_), Some(text), _) => text.to_owned(),
        (_, _, Some(text)) => text.to_owned(),
        _ => Token::make()?.text,
    };
    let language = cookies::read(headers, preferences::LANGUAGE_COOKIE).and_then(Language::parse);
    let accepted = || headers.get(header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok()).unwrap_or("");
    let language = language.unwrap_or_else(|| Language::accepted(accepted()));
    let texts = console.texts.iter().find(|it| it.language == language).ok_or(Problem::Failed)?;
    Ok(Visit {
        form_token: console.forms.token(&cookie),
        console: console.clone(),
        texts: texts.clone(),
        theme: cookies::read(headers, preferences::THEME_COOKIE).map(Theme::parse).unwrap_or_default(),
        channel,
        peer,
        session: session.filter(|_| viewer.is_some()),
        viewer,
        cookie,
        path: request.uri().path_and_query().map(|it| it.as_str().to_owned()).unwrap_or_default(),
        application: cookies::read(headers, preferences::APPLICATION_COOKIE).map(str::to_owned),
        is_fragment: headers.contains_key(FRAGMENT_HEADER),
        shortcuts: cookies::read(headers, preferences::SHORTCUTS_COOKIE) != Some("off"),
        utc: cookies::read(headers, preferences::TIMES_COOKIE) == Some("utc"),
        flash: cookies::read(headers, flash::COOKIE).and_then(Flash::read),
        bins_seen: cookies::read(headers, bins::seen::COOKIE).map(str::to_owned),
        now,
    })
}

/// Tells which cookies a connection may have. Whoever reaches this server by its public https URL does so through a
/// proxy that keeps the host.
fn channel(headers: &HeaderMap, peer: Option<IpAddr>, public_url: &str) -> Channel {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or("");
    match public_url.strip_prefix("https://") {
        Some(public) if public.split('/').next().is_some_and(|it| it.eq_ignore_ascii_case(host)) => {
            Channel::Secure
        }
        _ if is_loopback(host) && peer.is_none_or(|ip| ip.to_canonical().is_loopback()) => Channel::Loopback,
        _ => Channel::Open,
    }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Writes down that a session is used, now and then. The page does not wait for it: losing it ends a session early.
fn touch(page: &Page) {
    let Some(session) = page.session.as_ref() else { return };
    if page.now.since(session.seen_at) < SESSION_TOUCH_INTERVAL {
        return;
    }
    let (store, digest, now) = (page.console.api.store.clone(), session.digest, page.now);
    tokio::spawn(async move {
        let plan = move |configuration: &semnal_core::configuration::Configuration| {
            // Whoever has logged out in the meantime stays out.
            let found = configuration
                .accounts()
                .session(&digest)
                .map(|it| Session { seen_at: now, ..(**it).clone() });
            let changes = found.map(|it| Change::Account(Box::new(AccountChange::PutSession(it))));
            Ok::<_, std::convert::Infallible>(ChangePlan {
                changes: changes.into_iter().collect(),
                answer: None,
                value: (),
            })
        };
        if let Err(error) = store.change(None, plan).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the use of a session was not noted");
        }
    });
}

fn problem_page(problem: Problem, page: &Page, method: &Method) -> Response {
    if problem == Problem::LoginNeeded && !page.is_fragment {
        let back = if method == Method::GET { page.path.as_str() } else { "/" };
        return Redirect::to(&login::path_back_to(back)).into_response();
    }
    let (heading, advice) = problem.words(&page.texts);
    let view = ProblemView { page: page.clone(), heading, advice };
    let mut response = page.html(&view).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    *response.status_mut() = problem.status();
    if let Problem::TooManyLogins(wait) = problem {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    response
}

fn finish(page: &Page, mut response: Response) -> Response {
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    if is_page && page.flash.is_some() {
        headers.append(header::SET_COOKIE, page.channel.remove(flash::COOKIE));
    }
    if is_page && page.viewer.is_none() {
        headers.append(header::SET_COOKIE, page.channel.write(GUEST_COOKIE, &page.cookie, None));
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_over_https_or_stay_on_this_machine() {
        let check = |host: &'static str, peer: &str, public: &str, expected| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert_eq!(
                channel(&headers, peer.parse().ok(), public),
                expected,
                "{host} from {peer} at {public}"
            );
        };
        let public = "https://hooks.example.com";
        check("hooks.example.com", "127.0.0.1", public, Channel::Secure);
        check("Hooks.Example.com", "192.0.2.1", "https://hooks.example.com/semnal", Channel::Secure);
        check("127.0.0.1:8080", "127.0.0.1", public, Channel::Loopback);
        check("localhost:8080", "127.0.0.1", "http://127.0.0.1:8080", Channel::Loopback);
        check("[::1]:8080", "::ffff:127.0.0.1", "http://127.0.0.1:8080", Channel::Loopback);
        check("127.0.0.1:8080", "192.0.2.1", public, Channel::Open);
        check("10.0.0.5:8080", "10.0.0.9", "http://10.0.0.5:8080", Channel::Open);
        check("evil.example", "127.0.0.1", public, Channel::Open);
        check("localhost.evil.example", "127.0.0.1", public, Channel::Open);
        check("", "127.0.0.1", public, Channel::Open);
    }
}

//! What templates and handlers have of a request: words, times, links, and how an answer is made.

use std::ops::Deref;
use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header;
use http::request::Parts;
use semnal_core::application::{Application, DEFAULT_APPLICATION};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::IdKind;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed};

use super::Console;
use super::flash::{self, Flash};
use super::language::{Language, Value};
use super::parts::When;
use super::problem::Problem;
use super::viewer::Viewer;
use super::visit::Visit;

/// A request of a person, for templates and handlers. An extractor: of whoever it is, logged in or not.
#[derive(Clone)]
pub(crate) struct Page(Arc<Visit>);

/// A page for somebody who is logged in; others are sent to the login and back.
pub(crate) struct Signed {
    pub(crate) page: Page,
    pub(crate) viewer: Viewer,
}

/// An application in the switcher.
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) is_current: bool,
}

/// A page about something that went wrong.
#[derive(Template)]
#[template(path = "problem.html")]
pub(super) struct ProblemView {
    pub(super) page: Page,
    pub(super) heading: String,
    pub(super) advice: String,
}

/// 9 characters of an id: its prefix and some that differ.
const SHORT_ID_CHARACTERS: usize = 9;

/// How many; templates hand over references.
pub(crate) trait Count {
    /// Returns the number.
    fn count(self) -> u64;
}

impl Count for u64 {
    fn count(self) -> u64 {
        self
    }
}

impl Count for u16 {
    fn count(self) -> u64 {
        u64::from(self)
    }
}

impl Count for usize {
    fn count(self) -> u64 {
        u64::try_from(self).unwrap_or(u64::MAX)
    }
}

impl<T: Count + Copy> Count for &T {
    fn count(self) -> u64 {
        (*self).count()
    }
}

impl Deref for Page {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

/// What templates say.
impl Page {
    pub(super) fn new(visit: Visit) -> Page {
        Page(Arc::new(visit))
    }

    /// Returns a text.
    pub(crate) fn t(&self, key: &str) -> String {
        self.texts.t(key)
    }

    /// Returns a text about a number, `$count`.
    pub(crate) fn n(&self, key: &str, count: impl Count) -> String {
        self.texts.n(key, count.count())
    }

    /// Returns a text with one variable.
    pub(crate) fn s(&self, key: &str, name: &str, value: impl std::fmt::Display) -> String {
        self.texts.s(key, name, value)
    }

    /// Returns a text with any variables.
    pub(crate) fn put_together(&self, key: &str, values: &[(&str, Value)]) -> String {
        self.texts.put_together(key, values)
    }

    /// Returns the first characters of an id, enough to tell it from others nearby.
    pub(crate) fn short_id(&self, id: &str) -> String {
        let start: String = id.chars().take(SHORT_ID_CHARACTERS).collect();
        if start.len() < id.len() { format!("{start}…") } else { start }
    }

    /// Writes a number in the manner of the language.
    pub(crate) fn number(&self, number: u64) -> String {
        self.texts.language.number(number)
    }

    /// Writes a count in the manner of the language.
    pub(crate) fn counted(&self, count: impl Count) -> String {
        self.number(count.count())
    }

    /// Returns a number as the variable of a text.
    pub(crate) fn a_number(&self, number: &u64) -> Value {
        Value::Number(*number)
    }

    /// Returns a count as the variable of a text.
    pub(crate) fn a_count(&self, count: impl Count) -> Value {
        Value::Number(count.count())
    }

    /// Returns a point in time: how long ago it is, and exactly when.
    pub(crate) fn when(&self, at: UnixMillis) -> When {
        When::new(at, self.now, &self.texts)
    }

    /// Tells whether the page is at or below a path, for the menu.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let here = self.path.split('?').next().unwrap_or_default();
        if path == "/" { here == "/" } else { here == path || here.starts_with(&format!("{path}/")) }
    }

    /// Tells whether the viewer sees the whole organisation and may change its settings.
    pub(crate) fn manages(&self) -> bool {
        self.viewer.as_ref().is_some_and(|it| it.manages().is_ok())
    }

    /// Returns the form's token, for `ui::form_token`.
    pub(crate) fn form_token(&self) -> &str {
        &self.0.form_token
    }

    /// Returns the value of a name in the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// Returns this page's path with a name of the query set to a value; an empty value takes it away.
    pub(crate) fn with_query(&self, name: &str, value: &str) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut made = url::form_urlencoded::Serializer::new(String::new());
        for (found, other) in url::form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found != name)
        {
            made.append_pair(&found, &other);
        }
        if !value.is_empty() {
            made.append_pair(name, value);
        }
        let query = made.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Returns this page's path with several names of the query set; empty values take them away.
    pub(crate) fn with_queries(&self, pairs: &[(&str, &str)]) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut made = url::form_urlencoded::Serializer::new(String::new());
        let stays = |found: &str| !pairs.iter().any(|(name, _)| *name == found);
        for (found, other) in url::form_urlencoded::parse(query.as_bytes()).filter(|it| stays(&it.0)) {
            made.append_pair(&found, &other);
        }
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            made.append_pair(name, value);
        }
        let query = made.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Returns the languages of the switcher.
    pub(crate) fn languages(&self) -> [Language; 2] {
        Language::ALL
    }

    /// Returns the applications of the switcher.
    pub(crate) fn applications(&self) -> Vec<Choice> {
        let Some(viewer) = &self.viewer else { return Vec::new() };
        let configuration = self.console.api.store.configuration();
        let current = self.application(viewer, &configuration).map(|it| it.id);
        let choice = |it: &Arc<Application>| Choice {
            id: self.application_id(it),
            name: it.name.clone(),
            is_current: Some(it.id) == current,
        };
        viewer.applications(&configuration).map(choice).collect()
    }

    /// Returns the public id of an application.
    pub(crate) fn application_id(&self, it: &Application) -> String {
        self.console.api.store.ids().encode(IdKind::Application, 0, it.id.0)
    }
}

/// What handlers ask and answer.
impl Page {
    /// Returns the application that the page is about: the one that `app` in the query names, else the one that was
    /// chosen last, else the default one, else the oldest. `None` when the viewer sees none.
    pub(crate) fn application(
        &self,
        viewer: &Viewer,
        configuration: &Configuration,
    ) -> Option<Arc<Application>> {
        let all: Vec<&Arc<Application>> = viewer.applications(configuration).collect();
        let has_uid =
            |it: &&&Arc<Application>, text: &str| it.uid.as_ref().is_some_and(|uid| uid.as_str() == text);
        let named = |text: &str| all.iter().find(|it| self.application_id(it) == text || has_uid(it, text));
        let asked = self.query("app");
        let found =
            asked.as_deref().and_then(named).or_else(|| self.0.application.as_deref().and_then(named));
        found.or_else(|| named(DEFAULT_APPLICATION)).or(all.first()).map(|it| (*it).clone())
    }

    /// Answers with a page.
    ///
    /// # Errors
    /// [`Problem::Failed`] when the template cannot be filled.
    pub(crate) fn html(&self, view: &impl Template) -> Result<Response, Problem> {
        match view.render() {
            Ok(text) => Ok(Html(text).into_response()),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a template could not be filled");
                Err(Problem::Failed)
            }
        }
    }

    /// Answers to a form: go there, and say this.
    pub(crate) fn redirect(&self, to: &str, flash: &Flash) -> Response {
        let mut response = Redirect::to(to).into_response();
        let cookie = self.channel.write(flash::COOKIE, &flash.write(), None);
        response.headers_mut().append(header::SET_COOKIE, cookie);
        response
    }

    /// Answers to a form: go there; what there is to say stands there.
    pub(crate) fn go(&self, to: &str) -> Response {
        Redirect::to(to).into_response()
    }

    /// Changes the configuration; see [`semnal_store::store::Store::change`].
    ///
    /// # Errors
    /// What `make` returns, and what the store says.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        make: impl FnOnce(&Configuration) -> Result<(Vec<Change>, T), Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let plan = move |configuration: &Configuration| {
            let (changes, value) = make(configuration)?;
            Ok::<_, Problem>(ChangePlan { changes, answer: None, value })
        };
        match self.console.api.store.change(None, plan).await?? {
            Changed::Applied(value) => Ok(value),
            Changed::Repeated(_) => Err(Problem::Failed),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Console>) -> Result<Page, Problem> {
        parts.extensions.get().cloned().ok_or(Problem::Failed)
    }
}

impl FromRequestParts<Arc<Console>> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Signed, Problem> {
        let page = Page::from_request_parts(parts, console).await?;
        let viewer = page.viewer.clone().ok_or(Problem::LoginNeeded)?;
        Ok(Signed { page, viewer })
    }
}

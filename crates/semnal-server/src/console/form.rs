//! Forms: reading one, proving that it is ours, and what is wrong with its fields.
//!
//! Two things prove it, each enough against a page elsewhere: the browser's own word (`sec-fetch-site`, else `origin`),
//! and a token bound to the cookie of whoever got the form.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};

use super::Console;
use super::page::Page;
use super::problem::Problem;

/// The field with the token.
pub(super) const TOKEN_FIELD: &str = "form_token";

/// The fields of a form that is ours.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Returns the value of a field as it was typed; empty when it is not there.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str())
    }

    /// Returns every value of a field that may be there several times.
    pub(crate) fn every<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a field without space around it.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }
}

impl FromRequest<Arc<Console>> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Form, Problem> {
        let page = request.extensions().get::<Page>().cloned().ok_or(Problem::Failed)?;
        if !is_from_here(request.headers()) {
            return Err(Problem::ForeignForm);
        }
        let limits = console.api.limits;
        let body = axum::body::to_bytes(request.into_body(), limits.body_bytes_max);
        let body = tokio::time::timeout(limits.body_read_timeout, body).await;
        let body = body.ok().and_then(Result::ok).ok_or(Problem::UnreadableForm)?;
        let fields =
            url::form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into_owned()));
        let form = Form(fields.collect());
        if !console.forms.fits(&page.cookie, form.raw(TOKEN_FIELD)) {
            return Err(Problem::ForeignForm);
        }
        Ok(form)
    }
}

/// Asks the browser where a form comes from; one that says nothing is left to the token.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
    }
}

/// What is wrong with the fields of a form, in words, in the order of the form.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors {
    order: Vec<&'static str>,
    words: BTreeMap<&'static str, String>,
}

impl FieldErrors {
    /// Notes what is wrong with a field; the first error of a field stays.
    pub(crate) fn add(&mut self, field: &'static str, words: String) {
        if let std::collections::btree_map::Entry::Vacant(free) = self.words.entry(field) {
            free.insert(words);
            self.order.push(field);
        }
    }

    /// Returns what is wrong with a field; empty when nothing is.
    pub(crate) fn of(&self, field: &str) -> &str {
        self.words.get(field).map_or("", String::as_str)
    }

    /// Tells whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns fields and words for the summary on top of the form.
    pub(crate) fn all(&self) -> Vec<(&str, &str)> {
        self.order.iter().map(|field| (*field, self.of(field))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_browser_says_where_a_form_comes_from() {
        let check = |pairs: &[(&'static str, &'static str)], expected| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (http::HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let headers: HeaderMap = pairs.iter().map(pair).collect();
            assert_eq!(is_from_here(&headers), expected, "{pairs:?}");
        };
        let host = ("host", "127.0.0.1:8080");
        check(&[host], true);
        check(&[host, ("sec-fetch-site", "same-origin")], true);
        check(&[host, ("sec-fetch-site", "none")], true);
        check(&[host, ("sec-fetch-site", "same-site")], false);
        check(&[host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8080")], false);
        check(&[host, ("origin", "http://127.0.0.1:8080")], true);
        check(&[host, ("origin", "http://127.0.0.1:8081")], false);
        check(&[host, ("origin", "null")], false);
        check(&[("origin", "http://127.0.0.1:8080")], false);
    }
}

//! Reads query parameters and collects everything that is wrong with them. What is unknown is ignored, as Svix does.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;

use super::error::{ApiError, Problem, excerpt};
use super::page::{Cursor, CursorKey, LIMIT_DEFAULT, LIMIT_MAX, Order};
use super::time;

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, Infallible> {
        if parts.uri.query().is_none() {
            return Ok(Params::default());
        }
        let mut problems = Vec::new();
        let pairs = match Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => pairs,
            Err(_) => {
                problems.push(Problem::new(&["query"], "wrong_type", "is not name=value&name=value"));
                Vec::new()
            }
        };
        Ok(Params { pairs, problems })
    }
}

impl Params {
    /// Returns the first value of a parameter; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        #[cfg(test)]
        super::input::asked::note(&["query"], name);
        self.pairs.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, value)| value.as_str())
    }

    fn read<T>(
        &mut self,
        name: &str,
        kind: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let read = parse(text);
        if read.is_none() {
            let msg = format!("{:?} is not {expected}", excerpt(text));
            self.problems.push(Problem::new(&["query", name], kind, msg));
        }
        read
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> bool {
        let parse = |text: &str| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.read(name, "wrong_type", "true or false", parse).unwrap_or(default)
    }

    /// Reads `limit`.
    pub(crate) fn limit(&mut self) -> usize {
        let parse = |text: &str| text.parse().ok().filter(|n| (1..=LIMIT_MAX).contains(n));
        let expected = format!("a number from 1 to {LIMIT_MAX}");
        self.read("limit", "out_of_range", &expected, parse).unwrap_or(LIMIT_DEFAULT)
    }

    /// Reads `order`.
    pub(crate) fn order(&mut self, default: Order) -> Order {
        let parse = |text: &str| match text {
            "ascending" => Some(Order::Ascending),
            "descending" => Some(Order::Descending),
            _ => None,
        };
        self.read("order", "wrong_type", "ascending or descending", parse).unwrap_or(default)
    }

    /// Reads `iterator`.
    pub(crate) fn cursor<K: CursorKey>(&mut self) -> Cursor<K> {
        let expected =
            "an iterator of this list; take it from the answer before, or leave it out to begin anew";
        self.read("iterator", "invalid_iterator", expected, Cursor::decode).unwrap_or(Cursor::Start)
    }

    /// Reads a point in time.
    pub(crate) fn instant(&mut self, name: &str) -> Option<UnixMillis> {
        self.read(name, "invalid_time", "a time as RFC 3339 writes it: 2026-01-31T12:00:00Z", time::parse)
    }

    /// Reads a whole number out of a set.
    pub(crate) fn one_of(&mut self, name: &str, allowed: &[u16]) -> Option<u16> {
        let expected = format!("one of {allowed:?}");
        let parse = |text: &str| text.parse().ok().filter(|n| allowed.contains(n));
        self.read(name, "out_of_range", &expected, parse)
    }

    /// Reads a whole number within a range.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<u16>) -> Option<u16> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(name, "out_of_range", &expected, |text| text.parse().ok().filter(|n| range.contains(n)))
    }

    /// Reads an id.
    pub(crate) fn id<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.read(name, "invalid_id", "the id of such a thing of this server", parse)
    }

    /// Reads a word out of a set.
    pub(crate) fn word(&mut self, name: &str, allowed: &[&str]) -> Option<String> {
        let expected = format!("one of {}", allowed.join(", "));
        let parse = |text: &str| allowed.contains(&text).then(|| text.to_owned());
        self.read(name, "out_of_range", &expected, parse)
    }

    /// Reads a channel.
    pub(crate) fn channel(&mut self) -> Option<Channel> {
        self.name("channel", Channel::parse)
    }

    fn name<T, E: Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(Problem::new(&["query", name], "invalid_name", error.to_string()));
                None
            }
        }
    }

    /// Reads `event_types`, given several times or separated by commas.
    pub(crate) fn event_types(&mut self) -> Option<BTreeSet<EventTypeName>> {
        const NAME: &str = "event_types";
        #[cfg(test)]
        super::input::asked::note(&["query"], NAME);
        let given = self.pairs.iter().filter(|(n, _)| n == NAME).flat_map(|(_, value)| value.split(','));
        let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
        for text in given.filter(|text| !text.is_empty()) {
            match EventTypeName::parse(text) {
                Ok(name) => {
                    names.insert(name);
                }
                Err(error) => wrong.push(Problem::new(&["query", NAME], "invalid_name", error.to_string())),
            }
        }
        self.problems.extend(wrong);
        (!names.is_empty()).then_some(names)
    }

    /// Ends reading.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.problems)) }
    }
}

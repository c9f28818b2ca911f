//! Which deliveries a list shows: the fields of the form and the words of the search, both in the address.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::application::Application;
use semnal_core::attempt::AttemptEnd;
use semnal_core::configuration::Configuration;
use semnal_core::id::EndpointId;
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::retry::parse_duration;
use semnal_core::time::UnixMillis;
use semnal_store::views::filter::{Kind, Span};

use super::state::STATES;
use crate::console::page::Page;
use crate::console::webhooks;

/// What a list is narrowed to. Fields that are empty narrow nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// A word of [`STATES`].
    pub(crate) state: Option<&'static str>,
    pub(crate) event_types: Option<BTreeSet<EventTypeName>>,
    pub(crate) endpoints: Option<BTreeSet<EndpointId>>,
    pub(crate) status: Option<Status>,
    /// Tests only, or without them.
    pub(crate) test: Option<bool>,
    pub(crate) span: Span,
    /// Search words that say nothing: the list says so instead of showing everything.
    pub(crate) unknown: Vec<String>,
}

/// How the last attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// With a status of this hundred.
    Class(u16),
    /// With this status.
    Exactly(u16),
    /// Without an answer.
    None,
}

/// The words of the field for the status.
pub(crate) const STATUSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];
/// The words of the field for tests.
pub(crate) const TESTS: [(&str, bool); 2] = [("yes", true), ("no", false)];
/// The words of the field for the time.
pub(crate) const TIMES: [(&str, u64); 4] =
    [("1h", 3_600), ("24h", 86_400), ("7d", 604_800), ("30d", 2_592_000)];

impl Status {
    fn parse(word: &str) -> Option<Status> {
        match word {
            "none" => Some(Status::None),
            "2xx" | "3xx" | "4xx" | "5xx" => Some(Status::Class(u16::from(word.as_bytes()[0] - b'0'))),
            exact => exact.parse().ok().filter(|it| (100..=599).contains(it)).map(Status::Exactly),
        }
    }

    /// Tells whether an attempt ended so.
    pub(crate) fn wants(self, end: Option<&AttemptEnd>) -> bool {
        let Some(end) = end else { return false };
        match (self, end.status()) {
            (Status::None, status) => status.is_none(),
            (Status::Class(class), Some(status)) => status / 100 == class,
            (Status::Exactly(wanted), Some(status)) => status == wanted,
            (Status::Class(_) | Status::Exactly(_), None) => false,
        }
    }
}

impl Filter {
    /// Reads the filter of a page about deliveries of an application.
    pub(crate) fn read(page: &Page, configuration: &Configuration, application: &Arc<Application>) -> Filter {
        let mut filter = Filter::default();
        let scope = Scope { page, configuration, application };
        for name in ["state", "event", "webhook", "status", "test", "after"] {
            if let Some(value) = page.query(name).filter(|it| !it.trim().is_empty()) {
                filter.take(name, value.trim(), &scope);
            }
        }
        for word in page.query("q").unwrap_or_default().split_whitespace() {
            match word.split_once(':') {
                Some((name, value)) => filter.take(name, value, &scope),
                None => filter.take_bare(word, &scope),
            }
        }
        filter
    }

    /// Tells whether it narrows anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_none()
            && self.event_types.is_none()
            && self.endpoints.is_none()
            && self.status.is_none()
            && self.test.is_none()
            && self.span == Span::default()
            && self.unknown.is_empty()
    }

    /// Returns what the views are asked about messages.
    pub(crate) fn kind(&self) -> Kind {
        // The views find tests by their channel; what is none is judged message by message.
        let channel = (self.test == Some(true)).then(Channel::of_tests);
        Kind { event_types: self.event_types.clone(), channel }
    }

    fn take(&mut self, name: &str, value: &str, scope: &Scope<'_>) {
        let understood = match name {
            "state" => self.take_state(value),
            "event" => self.take_event(value, scope),
            "webhook" => self.take_webhook(value, scope),
            "status" => {
                self.status = Status::parse(value).or(self.status);
                Status::parse(value).is_some()
            }
            "is" | "-is" => {
                let is_known = value == "test";
                self.test = is_known.then_some(name == "is").or(self.test);
                is_known
            }
            "test" => {
                let found = TESTS.iter().find(|(word, _)| *word == value).map(|(_, wanted)| *wanted);
                self.test = found.or(self.test);
                found.is_some()
            }
            "after" | "before" => self.take_time(name, value, scope.page.now),
            _ => false,
        };
        if !understood {
            self.unknown.push(format!("{name}:{value}"));
        }
    }

    fn take_state(&mut self, value: &str) -> bool {
        let found = STATES.iter().find(|(word, ..)| *word == value).map(|(word, ..)| *word);
        self.state = found.or(self.state);
        found.is_some()
    }

    fn take_event(&mut self, value: &str, scope: &Scope<'_>) -> bool {
        let wanted = value.to_lowercase();
        let known = scope.configuration.event_types(scope.application.organisation).map(|it| &it.name);
        let mut found: BTreeSet<EventTypeName> =
            known.filter(|it| it.as_str().to_lowercase().contains(&wanted)).cloned().collect();
        if let Ok(exact) = EventTypeName::parse(value) {
            // What is named whole is meant alone; one that is not in the catalogue may still have been sent.
            if found.contains(&exact) || found.is_empty() {
                found = BTreeSet::from([exact]);
            }
        }
        narrow(&mut self.event_types, found)
    }

    fn take_webhook(&mut self, value: &str, scope: &Scope<'_>) -> bool {
        let endpoints = scope.configuration.endpoints_of(scope.application.id);
        let wanted = value.to_lowercase();
        let id = |it: &EndpointId| scope.page.endpoint_id(scope.application, *it);
        let exact = endpoints.iter().map(|it| it.id).find(|it| id(it) == value);
        let found = match exact {
            Some(it) => BTreeSet::from([it]),
            None => endpoints
                .iter()
                .filter(|it| {
                    let has_uid = it.uid.as_ref().is_some_and(|uid| uid.as_str() == value);
                    has_uid || webhooks::name(it).to_lowercase().contains(&wanted)
                })
                .map(|it| it.id)
                .collect(),
        };
        narrow(&mut self.endpoints, found)
    }

    fn take_time(&mut self, name: &str, value: &str, now: UnixMillis) -> bool {
        let ago: Option<Duration> = parse_duration(value);
        let date = || value.parse::<jiff::Timestamp>().ok().map(|it| UnixMillis(it.as_millisecond()));
        let Some(at) = ago.map(|ago| now - ago).or_else(date) else { return false };
        let end = if name == "after" { &mut self.span.after } else { &mut self.span.before };
        *end = Some(at);
        true
    }

    /// A word without a name: an event type, or part of a webhook's name.
    fn take_bare(&mut self, word: &str, scope: &Scope<'_>) {
        let known = scope.configuration.event_types(scope.application.organisation);
        let mut names = known.map(|it| it.name.as_str().to_lowercase());
        let wanted = word.to_lowercase();
        let understood = if names.any(|it| it.contains(&wanted)) {
            self.take_event(word, scope)
        } else {
            self.take_webhook(word, scope)
        };
        if !understood {
            self.unknown.push(word.to_owned());
        }
    }
}

/// Where words are looked up.
struct Scope<'a> {
    page: &'a Page,
    configuration: &'a Configuration,
    application: &'a Arc<Application>,
}

/// Narrows a set that may be all; returns whether anything was found.
fn narrow<T: Ord + Clone>(set: &mut Option<BTreeSet<T>>, found: BTreeSet<T>) -> bool {
    let understood = !found.is_empty();
    *set = Some(match set.take() {
        Some(before) => before.intersection(&found).cloned().collect(),
        None => found,
    });
    understood
}

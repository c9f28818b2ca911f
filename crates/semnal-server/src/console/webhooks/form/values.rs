//! What stands in the fields of a webhook's form, and the body of a request that they make.

use std::collections::BTreeMap;

use semnal_core::endpoint::{Endpoint, is_sensitive_header};
use semnal_core::retry::RetrySchedule;
use serde_json::{Map, Value, json};

use crate::console::form::{FieldErrors, Form};
use crate::console::language::Texts;

/// Stands for the value of a header that is not shown; whoever leaves it keeps the value.
const MASK: &str = "••••••••";

/// The fields as they are typed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) url: String,
    /// Every event, whatever is ticked.
    pub(super) all: bool,
    pub(super) events: Vec<String>,
    pub(super) secret: String,
    /// `name: value`, one a line.
    pub(super) headers: String,
    pub(super) channels: String,
    pub(super) retry: String,
    pub(super) rate: String,
    pub(super) concurrency: String,
}

impl Values {
    pub(super) fn read(form: &Form) -> Values {
        let text = |name: &str| form.get(name).to_owned();
        Values {
            name: text("name"),
            url: text("url"),
            all: form.get("scope") == "all",
            events: form.every("event").map(str::to_owned).collect(),
            secret: text("secret"),
            headers: text("headers"),
            channels: text("channels"),
            retry: text("retry"),
            rate: text("rate"),
            concurrency: text("concurrency"),
        }
    }

    pub(super) fn of(it: &Endpoint) -> Values {
        let line = |(name, value): (&String, &String)| {
            format!("{name}: {}", if is_sensitive_header(name) { MASK } else { value })
        };
        let number = |it: Option<u16>| it.map(|n| n.to_string()).unwrap_or_default();
        let names = |it: Vec<&str>, between: &str| it.join(between);
        Values {
            name: it.description.lines().next().unwrap_or_default().to_owned(),
            url: it.url.clone(),
            all: it.event_types.is_none(),
            events: it.event_types.iter().flatten().map(ToString::to_string).collect(),
            secret: String::new(),
            headers: it.headers.iter().map(line).collect::<Vec<_>>().join("\n"),
            channels: names(it.channels.iter().flatten().map(|it| it.as_str()).collect(), ", "),
            retry: it.schedule.as_ref().map(RetrySchedule::to_texts).unwrap_or_default().join(", "),
            rate: number(it.rate_limit),
            concurrency: number(it.concurrency_limit),
        }
    }

    /// Ticks an event.
    pub(super) fn add_event(&mut self, name: &str) {
        self.all = false;
        if !self.events.iter().any(|it| it == name) {
            self.events.push(name.to_owned());
        }
    }

    /// Tells whether a field of the folded part has a value.
    pub(super) fn has_more(&self) -> bool {
        let folded =
            [&self.secret, &self.headers, &self.channels, &self.retry, &self.rate, &self.concurrency];
        folded.iter().any(|it| !it.is_empty())
    }

    /// Returns the events that were chosen and are in no list, so that saving does not lose them.
    pub(super) fn others(&self, is_listed: impl Fn(&str) -> bool) -> Vec<&str> {
        self.events.iter().map(String::as_str).filter(|it| !is_listed(it)).collect()
    }

    /// Returns the headers whose values are kept as they are.
    pub(super) fn kept_headers(&self) -> Vec<String> {
        self.lines().filter(|(_, value)| *value == Some(MASK)).map(|(name, _)| name.to_owned()).collect()
    }

    fn lines(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.headers.lines().map(str::trim).filter(|it| !it.is_empty()).map(|line| {
            line.split_once(':')
                .map_or((line, None), |(name, value)| (name.trim_end(), Some(value.trim_start())))
        })
    }

    /// Returns the body of a POST, or of a PATCH of `before`. What cannot be a body is noted.
    pub(super) fn body(&self, texts: &Texts, errors: &mut FieldErrors, before: Option<&Endpoint>) -> Vec<u8> {
        let mut body = Map::new();
        let rest = before.and_then(|it| it.description.split_once('\n')).map(|(_, rest)| rest);
        let name = rest.map_or_else(|| self.name.clone(), |rest| format!("{}\n{rest}", self.name));
        body.insert("description".into(), name.into());
        if !self.url.is_empty() {
            body.insert("url".into(), self.url.clone().into());
        }
        let events = if self.all { Value::Null } else { json!(self.events) };
        body.insert("filterTypes".into(), events);
        if before.is_none() && !self.secret.is_empty() {
            body.insert("secret".into(), self.secret.clone().into());
        }
        let channels: Vec<&str> =
            self.channels.split([',', ' ', '\n', '\t']).filter(|it| !it.is_empty()).collect();
        body.insert("channels".into(), if channels.is_empty() { Value::Null } else { json!(channels) });
        body.insert(
            "retrySchedule".into(),
            if self.retry.is_empty() { Value::Null } else { json!(self.retry) },
        );
        body.insert("rateLimit".into(), number(&self.rate));
        body.insert("concurrencyLimit".into(), number(&self.concurrency));
        body.insert("headers".into(), json!(self.header_map(texts, errors)));
        Value::Object(body).to_string().into_bytes()
    }

    fn header_map(&self, texts: &Texts, errors: &mut FieldErrors) -> BTreeMap<&str, &str> {
        let mut map = BTreeMap::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in self.lines() {
            let Some(value) = value else {
                errors.add("headers", texts.s("field-headers-line", "line", name));
                continue;
            };
            let lower = name.to_ascii_lowercase();
            if seen.contains(&lower) {
                errors.add("headers", texts.s("field-headers-twice", "name", name));
            }
            seen.push(lower);
            if value != MASK {
                map.insert(name, value);
            }
        }
        map
    }
}

/// Returns a number; what is none goes as text, which is refused with the reason.
fn number(text: &str) -> Value {
    match text {
        "" => Value::Null,
        text => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
    }
}

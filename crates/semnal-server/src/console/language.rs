//! What the console says, in the languages that it speaks.
//!
//! Texts are Fluent files under `locales/`, one per part of the console and language, read by the official parser and
//! put together here: variables, and a choice by a number. The plural rule is ours, since the one that comes with the
//! usual libraries is wrong for Romanian. A text that does not exist shows as its key in ⟦brackets⟧; tests look for that.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, PatternElement, VariantKey};
use fluent_syntax::parser::parse;

/// Each part's name, English and Romanian.
const FILES: &[(&str, &str, &str)] = &[
    ("frame", include_str!("../../locales/en/frame.ftl"), include_str!("../../locales/ro/frame.ftl")),
    (
        "accounts",
        include_str!("../../locales/en/accounts.ftl"),
        include_str!("../../locales/ro/accounts.ftl"),
    ),
    ("bins", include_str!("../../locales/en/bins.ftl"), include_str!("../../locales/ro/bins.ftl")),
    ("start", include_str!("../../locales/en/start.ftl"), include_str!("../../locales/ro/start.ftl")),
    (
        "webhooks",
        include_str!("../../locales/en/webhooks.ftl"),
        include_str!("../../locales/ro/webhooks.ftl"),
    ),
    ("webhook", include_str!("../../locales/en/webhook.ftl"), include_str!("../../locales/ro/webhook.ftl")),
    (
        "deliveries",
        include_str!("../../locales/en/deliveries.ftl"),
        include_str!("../../locales/ro/deliveries.ftl"),
    ),
    ("events", include_str!("../../locales/en/events.ftl"), include_str!("../../locales/ro/events.ftl")),
    (
        "settings",
        include_str!("../../locales/en/settings.ftl"),
        include_str!("../../locales/ro/settings.ftl"),
    ),
];

/// A language that the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Romanian,
}

impl Language {
    /// Every language.
    pub(crate) const ALL: [Language; 2] = [Language::English, Language::Romanian];

    /// Returns its code for `lang` and the cookie.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Romanian => "ro",
        }
    }

    /// Returns its name in itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Romanian => "Română",
        }
    }

    /// Returns the language of a code.
    pub(crate) fn parse(code: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|it| it.code() == code)
    }

    /// Returns the language that a browser likes best, by its `accept-language`.
    pub(crate) fn accepted(header: &str) -> Language {
        let wish = |part: &str| {
            let (tag, rest) = part.trim().split_once(';').unwrap_or((part.trim(), ""));
            let language = Language::parse(tag.split('-').next()?.to_ascii_lowercase().as_str())?;
            let quality = rest.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
            (quality > 0.0).then_some((language, quality))
        };
        let mut best = (Language::English, 0.0);
        for (language, quality) in header.split(',').filter_map(wish) {
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    fn plural(self, count: u64) -> &'static str {
        match self {
            Language::English if count == 1 => "one",
            Language::English => "other",
            Language::Romanian if count == 1 => "one",
            Language::Romanian if count == 0 || (1..=19).contains(&(count % 100)) => "few",
            Language::Romanian => "other",
        }
    }

    /// Writes a number with the marks between thousands that its readers know.
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mark = match self {
            Language::English => ',',
            Language::Romanian => '.',
        };
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(mark);
            }
            text.push(digit);
        }
        text
    }
}

/// The value of a variable in a text.
pub(crate) enum Value {
    /// It is put in as it is.
    Text(String),
    /// It is written in the manner of the language, and may choose between forms.
    Number(u64),
}

enum Part {
    Text(String),
    Variable(String),
    /// The forms of a number; the last one is for all others.
    Choice {
        variable: String,
        forms: Vec<(String, Vec<Part>)>,
        other: Vec<Part>,
    },
}

/// Every text of one language.
pub(crate) struct Texts {
    pub(crate) language: Language,
    messages: HashMap<&'static str, Vec<Part>>,
}

impl Texts {
    /// Reads the files of every language, in the order of [`Language::ALL`].
    pub(crate) fn all() -> [Arc<Texts>; 2] {
        Language::ALL.map(|language| Arc::new(Texts::read(language)))
    }

    fn read(language: Language) -> Texts {
        let mut messages = HashMap::new();
        for (name, english, romanian) in FILES {
            let source = match language {
                Language::English => english,
                Language::Romanian => romanian,
            };
            read_file(name, source, &mut messages);
        }
        Texts { language, messages }
    }

    /// Returns a text.
    pub(crate) fn t(&self, key: &str) -> String {
        self.put_together(key, &[])
    }

    /// Returns a text about a number, `$count`.
    pub(crate) fn n(&self, key: &str, count: u64) -> String {
        self.put_together(key, &[("count", Value::Number(count))])
    }

    /// Returns a text with one variable.
    pub(crate) fn s(&self, key: &str, name: &str, value: impl Display) -> String {
        self.put_together(key, &[(name, Value::Text(value.to_string()))])
    }

    /// Returns a text with any variables.
    pub(crate) fn put_together(&self, key: &str, values: &[(&str, Value)]) -> String {
        let mut text = String::new();
        match self.messages.get(key) {
            Some(parts) => self.append(&mut text, parts, values),
            None => text = format!("⟦{key}⟧"),
        }
        text
    }

    fn append(&self, text: &mut String, parts: &[Part], values: &[(&str, Value)]) {
        let value = |wanted: &str| values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        for part in parts {
            match part {
                Part::Text(it) => text.push_str(it),
                Part::Variable(name) => match value(name) {
                    Some(Value::Text(it)) => text.push_str(it),
                    Some(Value::Number(it)) => text.push_str(&self.language.number(*it)),
                    None => text.push_str(&format!("⟦${name}⟧")),
                },
                Part::Choice { variable, forms, other } => {
                    let wanted = match value(variable) {
                        Some(Value::Text(it)) => it.as_str(),
                        Some(Value::Number(it)) => self.language.plural(*it),
                        None => "",
                    };
                    let found = forms.iter().find(|(form, _)| form == wanted).map(|(_, parts)| parts);
                    self.append(text, found.unwrap_or(other), values);
                }
            }
        }
    }
}

fn read_file(name: &str, source: &'static str, messages: &mut HashMap<&'static str, Vec<Part>>) {
    let resource = parse(source).unwrap_or_else(|(resource, errors)| {
        tracing::error!(file = name, ?errors, "a file of texts is broken");
        resource
    });
    for entry in resource.body {
        if let Entry::Message(message) = entry
            && let Some(pattern) = message.value
        {
            messages.insert(message.id.name, parts(&pattern.elements));
        }
    }
}

fn parts(elements: &[PatternElement<&'static str>]) -> Vec<Part> {
    let part = |element: &PatternElement<&'static str>| match element {
        PatternElement::TextElement { value } => Part::Text((*value).to_owned()),
        PatternElement::Placeable { expression } => placeable(expression),
    };
    elements.iter().map(part).collect()
}

fn placeable(expression: &Expression<&'static str>) -> Part {
    match expression {
        Expression::Inline(it) => inline(it),
        Expression::Select { selector, variants } => {
            let Part::Variable(variable) = inline(selector) else { return inline(selector) };
            let mut forms = Vec::new();
            let mut other = Vec::new();
            for variant in variants {
                let (VariantKey::Identifier { name } | VariantKey::NumberLiteral { value: name }) =
                    variant.key;
                if variant.default {
                    other = parts(&variant.value.elements);
                } else {
                    forms.push((name.to_owned(), parts(&variant.value.elements)));
                }
            }
            Part::Choice { variable, forms, other }
        }
    }
}

fn inline(expression: &InlineExpression<&'static str>) -> Part {
    match expression {
        InlineExpression::VariableReference { id } => Part::Variable(id.name.to_owned()),
        InlineExpression::StringLiteral { value } | InlineExpression::NumberLiteral { value } => {
            Part::Text((*value).to_owned())
        }
        _ => Part::Text("⟦only variables and texts are understood⟧".to_owned()),
    }
}

#[cfg(test)]
mod tests;

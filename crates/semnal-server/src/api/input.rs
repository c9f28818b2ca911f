//! Reads the fields of a JSON body and collects everything that is wrong with them, so that a client mends its
//! request once. Absent and null stay apart: in a PATCH they mean "leave it" and "clear it".
//!
//! What is unknown is ignored, as Svix does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;

use semnal_core::retry::RetrySchedule;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{ApiError, Problem};

#[cfg(test)]
pub(crate) mod asked;

/// 50 entries of metadata.
pub(super) const METADATA_ENTRIES_MAX: usize = 50;
/// 256 characters for the name of an entry of metadata.
pub(super) const METADATA_NAME_CHARACTERS_MAX: usize = 256;
/// 4 KiB for the value of an entry of metadata.
pub(super) const METADATA_VALUE_BYTES_MAX: usize = 4_096;

/// A field as the client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given<T> {
    /// Not at all, or wrongly (then it is among the problems).
    Absent,
    /// As null.
    Null,
    /// As a value.
    Value(T),
}

impl<T> Given<T> {
    /// Returns the value, if there is one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Null => None,
        }
    }

    /// Changes a field that can be cleared.
    pub(crate) fn patch(self, field: &mut Option<T>) {
        match self {
            Given::Absent => {}
            Given::Null => *field = None,
            Given::Value(value) => *field = Some(value),
        }
    }

    /// Changes the value.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(value) => Given::Value(change(value)),
        }
    }
}

/// The fields of one object.
pub(crate) struct Fields<'a> {
    at: Vec<&'static str>,
    values: BTreeMap<String, &'a RawValue>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Takes a body apart.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 when it is not an object.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Fields<'a>, ApiError> {
        let values = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
        Ok(Fields { at: vec!["body"], values, problems: Vec::new() })
    }

    /// Takes a body apart that may be empty, which is the same as `{}`.
    ///
    /// # Errors
    /// As [`Fields::parse`].
    pub(crate) fn parse_optional(body: &'a [u8]) -> Result<Fields<'a>, ApiError> {
        Fields::parse(if body.is_empty() { b"{}" } else { body })
    }

    /// Takes a field apart that is an object of its own.
    ///
    /// # Errors
    /// 422 when it is not an object.
    pub(crate) fn nested(name: &'static str, value: &'a RawValue) -> Result<Fields<'a>, ApiError> {
        let at = vec!["body", name];
        let values = serde_json::from_str(value.get())
            .map_err(|_| ApiError::invalid(&at, "wrong_type", "must be a JSON object"))?;
        Ok(Fields { at, values, problems: Vec::new() })
    }

    /// Notes what is wrong with a field.
    pub(crate) fn problem(&mut self, name: &str, kind: &'static str, msg: impl Into<String>) {
        let place: Vec<&str> = self.at.iter().copied().chain([name]).collect();
        self.problems.push(Problem::new(&place, kind, msg));
    }

    /// Returns a field as it was written.
    pub(crate) fn raw(&self, name: &str) -> Given<&'a RawValue> {
        #[cfg(test)]
        asked::note(&self.at, name);
        match self.values.get(name) {
            None => Given::Absent,
            Some(raw) if raw.get() == "null" => Given::Null,
            Some(raw) => Given::Value(raw),
        }
    }

    /// Reads a field of a JSON type.
    pub(crate) fn typed<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Given<T> {
        match self.raw(name) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(raw) => match serde_json::from_str(raw.get()) {
                Ok(value) => Given::Value(value),
                Err(_) => {
                    self.problem(name, "wrong_type", format!("must be {expected}"));
                    Given::Absent
                }
            },
        }
    }

    /// Reads true or false.
    pub(crate) fn flag(&mut self, name: &str) -> Given<bool> {
        self.typed(name, "true or false")
    }

    /// Reads text of so many characters.
    pub(crate) fn text(&mut self, name: &str, characters: RangeInclusive<usize>) -> Given<String> {
        let given = self.typed::<String>(name, "text");
        if let Given::Value(text) = &given
            && !characters.contains(&text.chars().count())
        {
            let (min, max) = (characters.start(), characters.end());
            self.problem(name, "wrong_length", format!("must have {min} to {max} characters"));
            return Given::Absent;
        }
        given
    }

    /// Reads text that stands for something.
    pub(crate) fn parsed<T, E: Display>(
        &mut self,
        name: &str,
        kind: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Given<T> {
        match self.typed::<String>(name, "text") {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(text) => match parse(&text) {
                Ok(value) => Given::Value(value),
                Err(error) => {
                    self.problem(name, kind, error.to_string());
                    Given::Absent
                }
            },
        }
    }

    /// Reads a whole number.
    pub(crate) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Given<T>
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let given = self.typed::<T>(name, &expected);
        if let Given::Value(number) = &given
            && !range.contains(number)
        {
            self.problem(name, "out_of_range", format!("must be {expected}"));
            return Given::Absent;
        }
        given
    }

    /// Reads a set of names, which is not empty.
    pub(crate) fn names<T: Ord, E: Display>(
        &mut self,
        name: &str,
        entries_max: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Given<BTreeSet<T>> {
        let texts = match self.typed::<Vec<String>>(name, "a list of texts") {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(texts) => texts,
        };
        if texts.is_empty() || texts.len() > entries_max {
            let msg = format!("must have 1 to {entries_max} entries; null or leaving it out means all");
            self.problem(name, "wrong_length", msg);
            return Given::Absent;
        }
        let mut names = BTreeSet::new();
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(value) => {
                    names.insert(value);
                }
                Err(error) => {
                    let index = index.to_string();
                    let place: Vec<&str> = self.at.iter().copied().chain([name, &index]).collect();
                    self.problems.push(Problem::new(&place, "invalid_name", error.to_string()));
                }
            }
        }
        Given::Value(names)
    }

    /// Reads a retry schedule: a list of lengths of time, or the same as one text with commas. An empty one means a
    /// single attempt.
    pub(crate) fn schedule(&mut self, name: &str) -> Given<RetrySchedule> {
        let raw = self.raw(name);
        if matches!(&raw, Given::Value(raw) if raw.get().starts_with('"')) {
            return self.parsed(name, "invalid_schedule", RetrySchedule::parse);
        }
        let expected = "a list of lengths of time such as [\"5s\", \"5m\"]";
        let waits = match self.typed::<Vec<String>>(name, expected) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(waits) => waits,
        };
        match RetrySchedule::from_texts(&waits) {
            Ok(schedule) => Given::Value(schedule),
            Err(error) => {
                self.problem(name, "invalid_schedule", error.to_string());
                Given::Absent
            }
        }
    }

    /// Reads metadata: text by name.
    pub(crate) fn metadata(&mut self) -> Given<BTreeMap<String, String>> {
        const NAME: &str = "metadata";
        let given = self.typed::<BTreeMap<String, String>>(NAME, "an object whose values are texts");
        if let Given::Value(entries) = &given {
            let too_long = |(name, value): (&String, &String)| {
                name.chars().count() > METADATA_NAME_CHARACTERS_MAX || value.len() > METADATA_VALUE_BYTES_MAX
            };
            if entries.len() > METADATA_ENTRIES_MAX || entries.iter().any(too_long) {
                self.problem(NAME, "wrong_length", format!("must have at most {METADATA_ENTRIES_MAX} entries, with names of at most {METADATA_NAME_CHARACTERS_MAX} characters and values of at most {METADATA_VALUE_BYTES_MAX} bytes"));
                return Given::Absent;
            }
        }
        given
    }

    /// Joins two spellings of one field. When both are given they must say the same.
    pub(crate) fn either<T: PartialEq>(&mut self, names: [&str; 2], given: [Given<T>; 2]) -> Given<T> {
        match given {
            [first, Given::Absent] => first,
            [Given::Absent, second] => second,
            [first, second] if first == second => first,
            _ => {
                let [name, other] = names;
                let msg = format!("differs from {other:?}, which is another name for it; give one of them");
                self.problem(name, "contradiction", msg);
                Given::Absent
            }
        }
    }

    /// Returns a value that has to be there.
    pub(crate) fn required<T>(&mut self, name: &str, given: Given<T>) -> Option<T> {
        let value = given.value();
        if value.is_none() && !self.has_problem(name) {
            self.problem(name, "missing", "is required");
        }
        value
    }

    /// Returns a value that may be absent, but not null (in a PATCH, where null would clear it).
    pub(crate) fn not_null<T>(&mut self, name: &str, given: Given<T>) -> Option<T> {
        if matches!(given, Given::Null) {
            self.problem(name, "wrong_type", "cannot be null; leave it out to keep its value");
        }
        given.value()
    }

    fn has_problem(&self, name: &str) -> bool {
        let place: Vec<&str> = self.at.iter().copied().chain([name]).collect();
        self.problems.iter().any(|problem| problem.is_at(&place))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// 422 with every problem.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.problems)) }
    }
}

/// Tells JSON that is not an object from what is no JSON.
pub(crate) fn not_an_object(error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        return ApiError::invalid(
            &["body"],
            "wrong_type",
            "must be a JSON object, each of its fields given once",
        );
    }
    ApiError::InvalidJson { line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semnal_core::name::Uid;

    fn problems(body: &str, read: impl FnOnce(&mut Fields<'_>)) -> Vec<Problem> {
        let mut fields = Fields::parse(body.as_bytes()).unwrap();
        read(&mut fields);
        match fields.finish() {
            Err(ApiError::Invalid(problems)) => problems,
            _ => Vec::new(),
        }
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        let mut fields = Fields::parse(br#"{"a":null,"b":"x"}"#).unwrap();
        assert_eq!(fields.text("a", 0..=9), Given::Null);
        assert_eq!(fields.text("b", 0..=9), Given::Value("x".to_owned()));
        assert_eq!(fields.text("c", 0..=9), Given::Absent);
        let mut field = Some(1);
        Given::Absent.patch(&mut field);
        assert_eq!(field, Some(1));
        Given::Null.patch(&mut field);
        assert_eq!(field, None);
    }

    #[test]
    fn every_problem_of_a_body_is_collected() {
        let found = problems(r#"{"uid":"a b","name":7,"rate":0,"types":["x","y z"]}"#, |fields| {
            fields.parsed("uid", "invalid_name", Uid::parse);
            let name = fields.text("name", 1..=9);
            fields.required("name", name);
            fields.number("rate", 1..=9u16);
            fields.names("types", 5, Uid::parse);
        });
        let places: Vec<String> =
            found.iter().map(|p| serde_json::to_value(p).unwrap()["loc"].to_string()).collect();
        assert_eq!(
            places,
            [r#"["body","uid"]"#, r#"["body","name"]"#, r#"["body","rate"]"#, r#"["body","types","1"]"#]
        );
    }

    #[test]
    fn two_spellings_of_a_field_must_agree() {
        let check = |body: &str, expected: usize| {
            let found = problems(body, |fields| {
                let given = [fields.number("a", 1..=9u16), fields.number("b", 1..=9u16)];
                fields.either(["a", "b"], given);
            });
            assert_eq!(found.len(), expected, "{body}");
        };
        check(r#"{"a":1}"#, 0);
        check(r#"{"b":1}"#, 0);
        check(r#"{"a":1,"b":1}"#, 0);
        check(r#"{"a":1,"b":2}"#, 1);
        check(r#"{"a":null,"b":2}"#, 1);
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_no_object() {
        for body in ["", "{", "{\"a\":}", "{} {}", "{'a':1}", "{\"a\":NaN}", "{\"a\":\"\u{1}\"}"] {
            assert!(matches!(Fields::parse(body.as_bytes()), Err(ApiError::InvalidJson { .. })), "{body}");
        }
        for body in ["[]", "7", "null", "true", "\"x\""] {
            assert!(matches!(Fields::parse(body.as_bytes()), Err(ApiError::Invalid(_))), "{body}");
        }
    }
}

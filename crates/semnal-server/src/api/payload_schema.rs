//! JSON schemas that payloads are held against: the newest version of an event type's `schemas`, compiled.
//!
//! Drafts 4, 6, 7, 2019-09 and 2020-12, told apart by `$schema`; 2020-12 when there is none. Nothing is fetched: a
//! schema that needs another document is refused ([`shape`]). Patterns run in an engine whose time is linear in the
//! text, and following references is counted, so that no schema and no payload keeps the server busy for long.
//! Compiling and checking use the processor for a while; [`super::payload_check`] decides where they run.

mod shape;

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering as Atomic};

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Keyword, PatternOptions, ValidationError, Validator};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{Problem, excerpt};

/// 10 problems of a payload are named at most.
const PROBLEMS_MAX: usize = 10;
/// All problems of a payload up to 32 KiB are looked for; of a larger one the first, since finding them all could take
/// far more memory than the payload itself.
const ALL_PROBLEMS_BYTES_MAX: usize = 32 * 1_024;
/// 1 MiB for a compiled pattern, and as much for what its engine remembers.
const PATTERN_COMPILED_BYTES_MAX: usize = 1_024 * 1_024;
/// References are followed 100,000 times for one payload, and 20 times more per byte.
const STEPS_MIN: usize = 100_000;
/// See [`STEPS_MIN`].
const STEPS_PER_BYTE: usize = 20;
/// The keyword that counts; see [`shape::prepare`].
const STEP: &str = "x-semnal-step";
/// 300 characters of what the library says about a schema or a payload.
const SENTENCE_CHARACTERS_MAX: usize = 300;

/// A compiled schema.
pub(crate) struct PayloadSchema {
    validator: Validator,
    /// What may still be followed in the check under way; `None` when there are no references.
    steps: Option<Mutex<Arc<AtomicI64>>>,
}

/// What `resume_unwind` carries when a check has followed too many references.
struct TooManySteps;

/// Counts each time that the target of a reference is applied.
struct Step(Arc<AtomicI64>);

impl Step {
    fn count(&self) {
        if self.0.fetch_sub(1, Atomic::Relaxed) <= 0 {
            // Ends the check from the inside, which the library offers no other way for. No panic is reported.
            resume_unwind(Box::new(TooManySteps));
        }
    }
}

impl<'i> Keyword<'i> for Step {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        self.count();
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        self.count();
        true
    }
}

impl PayloadSchema {
    /// Compiles the newest version of an event type's `schemas`, given as the text of an object.
    ///
    /// # Errors
    /// A sentence that says why it cannot be enforced.
    pub(crate) fn compile(schemas: &str) -> Result<PayloadSchema, String> {
        let (version, text) = newest(schemas).ok_or("has no schema that could be enforced")?;
        let refused = |why: String| format!("version {:?} {why}", excerpt(&version));
        if text.get().len() > shape::SCHEMA_BYTES_MAX {
            return Err(refused(format!("has more than {} bytes", shape::SCHEMA_BYTES_MAX)));
        }
        let mut schema: Value =
            serde_json::from_str(text.get()).map_err(|error| refused(format!("cannot be read: {error}")))?;
        if !schema.is_object() {
            return Err(refused("must be a JSON object".to_owned()));
        }
        let has_references = shape::prepare(&mut schema, STEP).map_err(refused)?;
        let steps = Arc::new(AtomicI64::new(0));
        let counted = steps.clone();
        let limit = PATTERN_COMPILED_BYTES_MAX;
        let built = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(limit).dfa_size_limit(limit))
            .with_keyword(STEP, move |_: &Map<String, Value>, _: &Value, _: Location| {
                let step: Box<dyn for<'i> Keyword<'i>> = Box::new(Step(counted.clone()));
                Ok::<_, ValidationError<'_>>(step)
            })
            .build(&schema);
        let validator = built.map_err(|error| {
            let why = beginning(&error.to_string());
            refused(format!("is not a schema that can be enforced: at #{}: {why}", error.instance_path()))
        })?;
        Ok(PayloadSchema { validator, steps: has_references.then(|| Mutex::new(steps)) })
    }

    /// Holds a payload against the schema.
    ///
    /// # Errors
    /// What is wrong with it, at most [`PROBLEMS_MAX`] problems. Places begin with `place`.
    pub(crate) fn check(&self, payload: &RawValue, place: &[&str]) -> Result<(), Vec<Problem>> {
        let one = |kind, msg: String| Err(vec![Problem::new(place, kind, msg)]);
        let text = payload.get();
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return one("schema_violation", format!("cannot be checked: {error}")),
        };
        let bytes = text.len();
        match self.limited(bytes, || self.validator.is_valid(&value)) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(TooManySteps) => {
                let msg = "leads the schema of its event type through too many references; make it smaller";
                return one("schema_too_complex", msg.to_owned());
            }
        }
        let list = || self.validator.iter_errors(&value).take(PROBLEMS_MAX).collect::<Vec<_>>();
        let first = || self.validator.validate(&value).err().into_iter().collect::<Vec<_>>();
        let listed =
            if bytes > ALL_PROBLEMS_BYTES_MAX { Err(TooManySteps) } else { self.limited(bytes, list) };
        match listed.or_else(|TooManySteps| self.limited(bytes, first)) {
            Ok(errors) if !errors.is_empty() => {
                Err(errors.iter().map(|error| problem(error, place)).collect())
            }
            _ => {
                let msg = "does not satisfy the schema of its event type, in more ways than can be told";
                one("schema_violation", msg.to_owned())
            }
        }
    }

    /// Runs a check that ends when it has followed too many references. Checks with the same schema take turns then.
    fn limited<T>(&self, bytes: usize, check: impl FnOnce() -> T) -> Result<T, TooManySteps> {
        let Some(steps) = &self.steps else { return Ok(check()) };
        let left = steps.lock();
        let allowed = STEPS_MIN.saturating_add(STEPS_PER_BYTE.saturating_mul(bytes));
        left.store(i64::try_from(allowed).unwrap_or(i64::MAX), Atomic::Relaxed);
        // What the check had under way lives on its own stack; the schema itself is not changed by it.
        catch_unwind(AssertUnwindSafe(check)).map_err(|thrown| match thrown.downcast::<TooManySteps>() {
            Ok(_) => TooManySteps,
            Err(other) => resume_unwind(other),
        })
    }
}

/// Returns the newest of an event type's schemas with its version.
pub(crate) fn newest(schemas: &str) -> Option<(String, Box<RawValue>)> {
    let all: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(schemas).ok()?;
    all.into_iter().max_by(|(a, _), (b, _)| by_version(a, b))
}

/// Orders versions part by part, numbers as numbers: 2 before 10, 1.9 before 1.10, v1 like 1.
fn by_version(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let text = text.trim_start_matches(['v', 'V']);
        text.split('.').map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

/// Says where in the payload and what, without repeating a value of it.
fn problem(error: &ValidationError<'_>, place: &[&str]) -> Problem {
    let mut path: Vec<String> = place.iter().map(|&part| part.to_owned()).collect();
    path.extend(error.instance_path().segments().map(|segment| match segment {
        LocationSegment::Property(name) => excerpt(&name).to_owned(),
        LocationSegment::Index(index) => index.to_string(),
    }));
    let (kind, msg) = match error.kind() {
        ValidationErrorKind::Required { property } => {
            path.extend(property.as_str().map(|name| excerpt(name).to_owned()));
            ("missing", "is required by the schema of the event type".to_owned())
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            path.extend(unexpected.first().map(|name| excerpt(name).to_owned()));
            ("schema_violation", "is not allowed by the schema of the event type".to_owned())
        }
        kind => {
            let what = beginning(&error.masked_with("the value").to_string());
            ("schema_violation", format!("does not satisfy {:?}: {what}", kind.keyword()))
        }
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    Problem::new(&path, kind, msg)
}

fn beginning(text: &str) -> String {
    text.chars().take(SENTENCE_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests;

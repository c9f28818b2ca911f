//! Which payloads are refused: those of event types whose schema is enforced and that do not satisfy it.
//!
//! [`check`] stands on the path of every message: without enforcement it costs one look-up. A schema is compiled when
//! its event type is saved ([`approve`]) and once more when the first message needs it; then it is kept, bounded.
//! What takes long runs on threads for blocking work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use semnal_core::application::EventType;
use semnal_core::configuration::Configuration;
use semnal_core::id::OrganisationId;
use semnal_core::name::EventTypeName;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::ApiState;
use super::error::{ApiError, Problem};
use super::payload_schema::PayloadSchema;

/// 1,024 compiled schemas are kept; beyond that, one goes for each that comes.
const SCHEMAS_KEPT_MAX: usize = 1_024;
/// 1,000 event types of an organisation may have an enforced schema, so that those of one fit among the kept.
const ENFORCED_MAX: usize = 1_000;
/// A payload of up to 16 KiB is checked where its request is served.
const CHECKED_AT_ONCE_BYTES_MAX: usize = 16 * 1_024;
/// The field that asks for enforcement.
pub(crate) const ENFORCED_FIELD: &str = "schemaEnforced";

/// 4 large payloads are checked, or schemas compiled, at once: read as values they take many times their bytes.
const CHECKED_APART_MAX: usize = 4;

/// The compiled schemas of event types whose schema is enforced.
pub(crate) struct SchemaCache {
    entries: Mutex<HashMap<(OrganisationId, EventTypeName), Arc<Entry>>>,
    /// How many have been compiled for a message.
    compiled: Arc<AtomicU64>,
    /// See [`CHECKED_APART_MAX`].
    apart: Arc<Semaphore>,
}

impl Default for SchemaCache {
    fn default() -> SchemaCache {
        let (entries, compiled) = (Mutex::default(), Arc::default());
        SchemaCache { entries, compiled, apart: Arc::new(Semaphore::new(CHECKED_APART_MAX)) }
    }
}

struct Entry {
    /// The event type that it was compiled for. It is the same one as long as it has not been saved again.
    of: Arc<EventType>,
    schema: OnceLock<Result<PayloadSchema, String>>,
    compiled: Arc<AtomicU64>,
}

impl SchemaCache {
    fn entry(&self, of: &Arc<EventType>) -> Arc<Entry> {
        let key = (of.organisation, of.name.clone());
        let mut entries = self.entries.lock();
        if let Some(found) = entries.get(&key).filter(|it| Arc::ptr_eq(&it.of, of)) {
            return found.clone();
        }
        if entries.len() >= SCHEMAS_KEPT_MAX && !entries.contains_key(&key) {
            let any = entries.keys().next().cloned();
            any.map(|key| entries.remove(&key));
        }
        let entry =
            Arc::new(Entry { of: of.clone(), schema: OnceLock::new(), compiled: self.compiled.clone() });
        entries.insert(key, entry.clone());
        entry
    }

    /// Returns how many schemas have been compiled for a message.
    #[cfg(test)]
    pub(crate) fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }
}

impl Entry {
    fn check(&self, payload: &RawValue, place: &[&str]) -> Result<(), Vec<Problem>> {
        let schema = self.schema.get_or_init(|| {
            self.compiled.fetch_add(1, Ordering::Relaxed);
            PayloadSchema::compile(self.of.schemas.as_deref().unwrap_or("{}"))
        });
        match schema {
            Ok(schema) => schema.check(payload, place),
            // It was accepted by another version of this server.
            Err(why) => {
                let msg = format!(
                    "has a schema that cannot be enforced any more: {why}; save the event type again"
                );
                Err(vec![Problem::new(&["body", "eventType"], "schema_unusable", msg)])
            }
        }
    }
}

/// Refuses a payload that does not satisfy the schema of its event type, when that is enforced.
///
/// # Errors
/// 422 with what is wrong, at places that begin with `place`.
pub(crate) async fn check(
    api: &ApiState,
    configuration: &Configuration,
    organisation: OrganisationId,
    event_type: &EventTypeName,
    payload: &RawValue,
    place: &[&'static str],
) -> Result<(), ApiError> {
    let Some(of) = configuration.enforced(organisation, event_type) else { return Ok(()) };
    let entry = api.schemas.entry(of);
    let checked = if payload.get().len() <= CHECKED_AT_ONCE_BYTES_MAX && entry.schema.get().is_some() {
        entry.check(payload, place)
    } else {
        let (payload, place) = (payload.to_owned(), place.to_vec());
        apart(api, move || entry.check(&payload, &place)).await?
    };
    checked.map_err(ApiError::Invalid)
}

/// Holds a payload against the newest of an event type's schemas, whether it is enforced or not; for somebody who tries
/// one. The inner error says what is wrong, or why the schema cannot be used.
///
/// # Errors
/// [`ApiError::Internal`].
pub(crate) async fn try_payload(
    api: &ApiState,
    schemas: String,
    payload: Box<RawValue>,
) -> Result<Result<(), Vec<Problem>>, ApiError> {
    apart(api, move || match PayloadSchema::compile(&schemas) {
        Ok(schema) => schema.check(&payload, &[]),
        Err(why) => Err(vec![Problem::new(&[], "schema_unusable", why)]),
    })
    .await
}

/// What an event type's schemas were found to be before it is saved.
pub(crate) struct Approved(Option<String>);

/// Looks at what is to be saved: schemas that are to be enforced must be some that can be.
///
/// # Errors
/// 422 with the reason.
pub(crate) async fn approve(
    api: &ApiState,
    schemas: Option<String>,
    enforced: bool,
) -> Result<Approved, ApiError> {
    let schemas = match schemas.filter(|_| enforced) {
        Some(schemas) => schemas,
        None if enforced => {
            let msg = "needs schemas that could be enforced; give them in \"schemas\"";
            return Err(ApiError::invalid(&["body", ENFORCED_FIELD], "missing_schema", msg));
        }
        None => return Ok(Approved(None)),
    };
    let (schemas, compiled) = apart(api, move || {
        let compiled = PayloadSchema::compile(&schemas).map(drop);
        (schemas, compiled)
    })
    .await?;
    compiled.map_err(|why| ApiError::invalid(&["body", "schemas"], "invalid_schema", why))?;
    Ok(Approved(Some(schemas)))
}

impl Approved {
    /// Tells whether this is what was approved, now that it is saved.
    ///
    /// # Errors
    /// 409 when somebody else changed the schemas meanwhile, or too many are enforced.
    pub(crate) fn covers(&self, it: &EventType, configuration: &Configuration) -> Result<(), ApiError> {
        if !it.schema_enforced {
            return Ok(());
        }
        if it.schemas != self.0 {
            return Err(ApiError::Conflict(
                "somebody else changed the schemas of this event type meanwhile; try again".to_owned(),
            ));
        }
        let already = configuration.enforced(it.organisation, &it.name).is_some();
        if !already && configuration.enforced_count(it.organisation) >= ENFORCED_MAX {
            return Err(ApiError::Conflict(format!(
                "{ENFORCED_MAX} event types have an enforced schema already; take it from one of them first"
            )));
        }
        Ok(())
    }
}

/// Runs `work` where it holds nobody up who does something else. It counts until it ends, also when nobody waits for it
/// any more.
async fn apart<T: Send + 'static>(
    api: &ApiState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let permit = api.schemas.apart.clone().acquire_owned().await.map_err(|_| ApiError::Internal)?;
    let work = move || {
        let done = work();
        drop(permit);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)
}

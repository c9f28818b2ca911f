//! Takes over the webhooks of an original: each becomes an endpoint under the number that it had.
//!
//! Rows that are stored as inactive fire there all the same, and those made in its dialog are stored so: they become
//! active unless they are to be kept inactive, and are named. What was imported once is never touched again, so that a
//! second run changes nothing and undoes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::address::AddressPolicy;
use semnal_core::application::DEFAULT_ORGANISATION;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointSecret, EndpointState};
use semnal_core::endpoint_url::UrlRules;
use semnal_core::id::{ApplicationId, EndpointId};
use semnal_core::integration::{Integration, Integrations, MANUAL};
use semnal_core::name::EventTypeName;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parameters;
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::Caller;
use crate::api::body::RequestBody;
use crate::api::endpoints::fields;
use crate::api::error::{ApiError, excerpt};
use crate::api::find;
use crate::configuration::SignatureKind;

/// 500 webhooks are imported at once.
pub(crate) const ROWS_MAX: usize = 500;

/// A webhook of the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) event: String,
    pub(crate) integration: String,
    pub(crate) active: bool,
    pub(crate) hidden: bool,
    pub(crate) event_count: i64,
    pub(crate) migrated_from: i64,
    /// As the original writes times.
    pub(crate) date_created: String,
}

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The application, by id or uid.
    pub(crate) app: String,
    /// Rows that are stored as inactive stay so.
    pub(crate) keep_inactive: bool,
    /// Nothing is changed.
    pub(crate) dry_run: bool,
    /// At most [`ROWS_MAX`].
    pub(crate) webhooks: Vec<Row>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Imported {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) event: String,
    pub(crate) result: Fate,
    /// It is stored as inactive.
    pub(crate) was_inactive: bool,
    /// Whether it is sent to from now on.
    pub(crate) active: bool,
    /// Its event is in no catalogue here.
    pub(crate) unknown_event: bool,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) why: Option<String>,
}

/// Whether a row became a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// It did, or would in a dry run.
    Imported,
    /// It had before.
    Unchanged,
    /// It did not.
    Refused,
}

/// What judges and makes endpoints.
pub(crate) struct Gate<'a> {
    pub(crate) url_rules: &'a UrlRules,
    pub(crate) policy: &'a AddressPolicy,
    pub(crate) signature: SignatureKind,
}

/// A row with what its endpoint needs from outside.
struct Candidate {
    row: Row,
    id: EndpointId,
    secret: EndpointSecret,
    /// The URL and the event, or why there is none.
    judged: Result<(String, EventTypeName), String>,
}

/// Imports rows, all in one transaction.
///
/// # Errors
/// 404 for an application that is not there, and what the store says.
pub(crate) async fn import(
    store: &Store,
    now: UnixMillis,
    gate: &Gate<'_>,
    order: Order,
) -> Result<Vec<Imported>, ApiError> {
    if order.webhooks.len() > ROWS_MAX {
        let msg = format!("must have at most {ROWS_MAX} entries");
        return Err(ApiError::invalid(&["body", "webhooks"], "wrong_length", msg));
    }
    let Order { app, keep_inactive, dry_run, webhooks } = order;
    let candidates = webhooks.into_iter().map(|row| {
        let judged = judge(&row, gate);
        let secret = fields::generate_secret(gate.signature)?;
        Ok(Candidate { row, id: EndpointId(store.next_key()), secret, judged })
    });
    let candidates = candidates.collect::<Result<Vec<_>, ApiError>>()?;
    let ids = store.ids().clone();
    let plan = move |configuration: &Configuration| {
        let default =
            configuration.organisation_by_name(DEFAULT_ORGANISATION).ok_or(ApiError::Unavailable)?;
        let application = find::application(configuration, &ids, default.id, &app)?;
        if application.is_operational() {
            return Err(ApiError::not_found("application", &app));
        }
        let mut place = Place {
            application: application.id,
            list: configuration.integrations(application.id),
            configuration,
            keep_inactive,
            now,
            taken: BTreeSet::new(),
            changes: Vec::new(),
        };
        let found: Vec<Imported> = candidates.into_iter().map(|it| place.put(it)).collect();
        let changes = if dry_run { Vec::new() } else { place.changes };
        Ok(ChangePlan { changes, answer: None, value: found })
    };
    match store.change(None, plan).await?? {
        Changed::Applied(found) => Ok(found),
        Changed::Repeated(_) => Err(ApiError::Internal),
    }
}

fn judge(row: &Row, gate: &Gate<'_>) -> Result<(String, EventTypeName), String> {
    let event = EventTypeName::parse(&row.event)
        .map_err(|why| format!("its event {:?} {why}", excerpt(&row.event)))?;
    let url = fields::judge_url(&row.url, gate.url_rules, gate.policy)?;
    if row.id == 0 {
        return Err("it has no number".to_owned());
    }
    Ok((url, event))
}

/// Where rows are put.
struct Place<'a> {
    application: ApplicationId,
    list: Arc<Integrations>,
    configuration: &'a Configuration,
    keep_inactive: bool,
    now: UnixMillis,
    /// The numbers of the rows before.
    taken: BTreeSet<u32>,
    changes: Vec<Change>,
}

impl Place<'_> {
    fn put(&mut self, candidate: Candidate) -> Imported {
        let row = &candidate.row;
        let active = row.active || !self.keep_inactive;
        let event = EventTypeName::parse(&row.event).ok();
        let organisation = self.configuration.application(self.application).map(|it| it.organisation);
        let known = event.zip(organisation).and_then(|(e, o)| self.configuration.event_type(o, &e));
        let mut found = Imported {
            id: row.id,
            name: excerpt(&row.name).to_owned(),
            event: excerpt(&row.event).to_owned(),
            result: Fate::Imported,
            was_inactive: !row.active,
            active,
            unknown_event: known.is_none(),
            why: None,
        };
        if self.was_imported(row) {
            found.result = Fate::Unchanged;
            let entry = self.list.iter().find(|it| it.imported_from == Some(row.id));
            let endpoint = entry.and_then(|it| self.configuration.endpoint(it.endpoint?));
            found.active = endpoint.is_some_and(|it| it.state == EndpointState::Active);
            return found;
        }
        let fits = candidate.judged.clone().and_then(|judged| self.fits(row.id).map(|()| judged));
        match fits {
            Ok((url, event)) => self.add(candidate, url, event, active),
            Err(why) => {
                found.why = Some(why);
                (found.result, found.active) = (Fate::Refused, false);
            }
        }
        found
    }

    /// Tells whether a row came before. One that was deleted here since, or whose target answered 410, stays away.
    fn was_imported(&self, row: &Row) -> bool {
        let same = |it: &Arc<Integration>| {
            let endpoint = it.endpoint.and_then(|id| self.configuration.endpoint(id));
            let is_its = endpoint.is_some_and(|e| {
                it.number == row.id && e.url == row.url && super::webhook_list::first_event(e) == row.event
            });
            it.imported_from == Some(row.id) || is_its
        };
        self.list.iter().any(same)
    }

    fn fits(&self, number: u32) -> Result<(), String> {
        let entry = self.list.get(number);
        let is_gone = entry.is_some_and(|it| it.gone_at.is_some());
        match entry.and_then(|it| self.configuration.endpoint(it.endpoint?)) {
            _ if is_gone => Err(format!(
                "number {number} belonged to a webhook here whose target answered 410, and which may still be deleted \
                 by that number"
            )),
            _ if self.taken.contains(&number) => Err(format!("number {number} came twice")),
            Some(other) => Err(format!(
                "number {number} belongs to another webhook here ({:?}); delete that one and import again",
                excerpt(&other.description)
            )),
            None => Ok(()),
        }
    }

    fn add(&mut self, candidate: Candidate, url: String, event: EventTypeName, active: bool) {
        let Candidate { row, id, secret, .. } = candidate;
        let created_at = parameters::time(&row.date_created).flatten().unwrap_or(self.now);
        let state = match active {
            true => EndpointState::Active,
            false => EndpointState::Disabled(DisabledReason::Requested),
        };
        let endpoint = Endpoint {
            id,
            application: self.application,
            uid: None,
            url,
            description: row.name,
            state,
            event_types: Some(BTreeSet::from([event])),
            channels: None,
            rate_limit: None,
            concurrency_limit: None,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            secrets: vec![secret],
            schedule: None,
            created_at,
            updated_at: self.now,
        };
        let entry = Integration {
            service: if row.integration.is_empty() { MANUAL.to_owned() } else { row.integration },
            hidden: row.hidden,
            migrated_from: row.migrated_from,
            imported_from: Some(row.id),
            count_offset: row.event_count,
            ..Integration::new(self.application, row.id, id)
        };
        self.taken.insert(row.id);
        self.changes.push(Change::PutEndpoint(Box::new(endpoint)));
        self.changes.push(Change::PutIntegration(Box::new(entry)));
    }
}

/// `POST /control/import/ultimate-multisite`
pub(crate) async fn post(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    caller.control()?;
    let order: Order = serde_json::from_slice(&body)
        .map_err(|error| ApiError::InvalidJson { line: error.line(), column: error.column() })?;
    let signature = api.default_signature;
    let gate = Gate { url_rules: &api.url_rules, policy: &api.policy, signature };
    let found = import(&api.store, api.now(), &gate, order).await?;
    let found: Vec<Value> = found.iter().map(|it| serde_json::json!(it)).collect();
    Ok(Answer::json(StatusCode::OK, &serde_json::json!({ "data": found })))
}

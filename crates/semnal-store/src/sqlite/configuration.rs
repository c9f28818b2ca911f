//! Configuration rows: how each change is written and how the whole is read at start. Secrets are sealed, bound to
//! their row.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use semnal_core::application::{ApiKey, Application, EventType, Opens, Organisation, Scope, SigningKey};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{Endpoint, EndpointSecret, EndpointState};
use semnal_core::id::{ApiKeyId, ApplicationId, EndpointId, Key, OrganisationId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Secret;
use semnal_core::time::UnixMillis;

use super::{accounts, integrations, revocations};
use crate::error::StoreError;
use crate::vault::Vault;

/// Writes one change. The caller has checked that it fits the configuration.
pub(crate) fn write(connection: &Connection, vault: &Vault, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::PutOrganisation(it) => put_organisation(connection, it),
        Change::PutApplication(it) => put_application(connection, it),
        Change::DeleteApplication(id) => {
            connection.execute("delete from endpoint where application = ?1", [id.0.0])?;
            revocations::delete_all(connection, *id)?;
            accounts::delete_of_application(connection, *id)?;
            integrations::delete_all(connection, *id)?;
            connection.execute("delete from application where key = ?1", [id.0.0])?;
            Ok(())
        }
        Change::PutEndpoint(it) => put_endpoint(connection, vault, it),
        Change::DeleteEndpoint(id) => {
            connection.execute("delete from endpoint where key = ?1", [id.0.0])?;
            integrations::endpoint_deleted(connection, *id)
        }
        Change::PutEventType(it) => put_event_type(connection, it),
        Change::DeleteEventType(organisation, name) => {
            let sql = "delete from event_type where organisation = ?1 and name = ?2";
            connection.execute(sql, params![organisation.0.0, name.as_str()])?;
            Ok(())
        }
        Change::PutApiKey(it) => put_api_key(connection, vault, it),
        Change::Revoke(it) => revocations::put(connection, it),
        Change::ForgetRevocation(_, position) => revocations::delete(connection, *position),
        Change::Account(it) => accounts::write(connection, it),
        Change::PutIntegration(it) => integrations::put(connection, it),
        Change::ForgetIntegration(application, number) => {
            integrations::forget(connection, *application, *number)
        }
    }
}

/// Reads the whole configuration.
pub(crate) fn load(connection: &Connection, vault: &Vault) -> Result<Configuration, StoreError> {
    let mut all = Vec::new();
    each(connection, "select key, name, created_at from organisation order by key", |row| {
        all.push(Change::PutOrganisation(read_organisation(row)?));
        Ok(())
    })?;
    each(connection, &format!("select {APPLICATION_COLUMNS} from application order by key"), |row| {
        all.push(Change::PutApplication(read_application(row)?));
        Ok(())
    })?;
    each(connection, &format!("select {ENDPOINT_COLUMNS} from endpoint order by key"), |row| {
        all.push(Change::PutEndpoint(Box::new(read_endpoint(row, vault)?)));
        Ok(())
    })?;
    each(connection, &format!("select {EVENT_TYPE_COLUMNS} from event_type"), |row| {
        all.push(Change::PutEventType(Box::new(read_event_type(row)?)));
        Ok(())
    })?;
    each(connection, &format!("select {API_KEY_COLUMNS} from api_key order by key"), |row| {
        all.push(Change::PutApiKey(read_api_key(row, vault)?));
        Ok(())
    })?;
    revocations::load(connection, &mut all)?;
    accounts::load(connection, &mut all)?;
    integrations::load(connection, &mut all)?;
    let mut configuration = Configuration::default();
    for change in &all {
        configuration.apply(change)?;
    }
    Ok(configuration)
}

fn put_organisation(connection: &Connection, it: &Organisation) -> Result<(), StoreError> {
    let sql = "insert into organisation (key, name, created_at) values (?1, ?2, ?3)
        on conflict (key) do update set name = excluded.name";
    connection.execute(sql, params![it.id.0.0, it.name.as_str(), it.created_at.0])?;
    Ok(())
}

fn read_organisation(row: &Row<'_>) -> Result<Organisation, StoreError> {
    let key: i64 = row.get(0)?;
    Ok(Organisation {
        id: OrganisationId(Key(key)),
        name: uid("organisation", key, &row.get::<_, String>(1)?)?,
        created_at: UnixMillis(row.get(2)?),
    })
}

const APPLICATION_COLUMNS: &str =
    "key, organisation, uid, name, rate_limit, metadata, created_at, updated_at";

fn put_application(connection: &Connection, it: &Application) -> Result<(), StoreError> {
    let sql = format!(
        "insert into application ({APPLICATION_COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (key) do update set uid = excluded.uid, name = excluded.name, rate_limit = excluded.rate_limit,
         metadata = excluded.metadata, updated_at = excluded.updated_at"
    );
    connection.prepare_cached(&sql)?.execute(params![
        it.id.0.0,
        it.organisation.0.0,
        it.uid.as_ref().map(Uid::as_str),
        it.name,
        it.rate_limit,
        json(&it.metadata),
        it.created_at.0,
        it.updated_at.0,
    ])?;
    Ok(())
}

fn read_application(row: &Row<'_>) -> Result<Application, StoreError> {
    let key: i64 = row.get(0)?;
    Ok(Application {
        id: ApplicationId(Key(key)),
        organisation: OrganisationId(Key(row.get(1)?)),
        uid: row.get::<_, Option<String>>(2)?.map(|text| uid("application", key, &text)).transpose()?,
        name: row.get(3)?,
        rate_limit: row.get(4)?,
        metadata: from_json("application", key, &row.get::<_, String>(5)?)?,
        created_at: UnixMillis(row.get(6)?),
        updated_at: UnixMillis(row.get(7)?),
    })
}

const ENDPOINT_COLUMNS: &str =
    "key, application, uid, url, description, state, event_types, channels, rate_limit,
    concurrency_limit, headers_sealed, metadata, secrets_sealed, schedule, created_at, updated_at";

fn put_endpoint(connection: &Connection, vault: &Vault, it: &Endpoint) -> Result<(), StoreError> {
    let sql = format!(
        "insert into endpoint ({ENDPOINT_COLUMNS})
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         on conflict (key) do update set uid = excluded.uid, url = excluded.url, description = excluded.description,
         state = excluded.state, event_types = excluded.event_types, channels = excluded.channels,
         rate_limit = excluded.rate_limit, concurrency_limit = excluded.concurrency_limit,
         headers_sealed = excluded.headers_sealed, metadata = excluded.metadata,
         secrets_sealed = excluded.secrets_sealed, schedule = excluded.schedule, created_at = excluded.created_at,
         updated_at = excluded.updated_at"
    );
    let secrets: Vec<(String, Option<i64>)> =
        it.secrets.iter().map(|s| (s.secret.reveal(), s.expires_at.map(|at| at.0))).collect();
    let event_types =
        it.event_types.as_ref().map(|t| t.iter().map(EventTypeName::as_str).collect::<Vec<_>>());
    let channels = it.channels.as_ref().map(|c| c.iter().map(Channel::as_str).collect::<Vec<_>>());
    connection.prepare_cached(&sql)?.execute(params![
        it.id.0.0,
        it.application.0.0,
        it.uid.as_ref().map(Uid::as_str),
        it.url,
        it.description,
        it.state.as_str(),
        event_types.map(|t| json(&t)),
        channels.map(|c| json(&c)),
        it.rate_limit,
        it.concurrency_limit,
        vault.seal(&sealed_row(it.id, "headers"), json(&it.headers).as_bytes())?,
        json(&it.metadata),
        vault.seal(&sealed_row(it.id, "secrets"), json(&secrets).as_bytes())?,
        it.schedule.as_ref().map(RetrySchedule::to_text),
        it.created_at.0,
        it.updated_at.0,
    ])?;
    Ok(())
}

fn read_endpoint(row: &Row<'_>, vault: &Vault) -> Result<Endpoint, StoreError> {
    let key: i64 = row.get(0)?;
    let id = EndpointId(Key(key));
    let corrupt = |what: String| StoreError::Corrupt { table: "endpoint", key, what };
    let state: String = row.get(5)?;
    let names: Option<Vec<String>> = optional_json("endpoint", key, row.get(6)?)?;
    let channels: Option<Vec<String>> = optional_json("endpoint", key, row.get(7)?)?;
    let unseal = |what: &str, bytes: Vec<u8>| -> Result<String, StoreError> {
        String::from_utf8(vault.open(&sealed_row(id, what), &bytes)?).map_err(|e| corrupt(e.to_string()))
    };
    let secrets: Vec<(String, Option<i64>)> = from_json("endpoint", key, &unseal("secrets", row.get(12)?)?)?;
    let schedule: Option<String> = row.get(13)?;
    Ok(Endpoint {
        id,
        application: ApplicationId(Key(row.get(1)?)),
        uid: row.get::<_, Option<String>>(2)?.map(|text| uid("endpoint", key, &text)).transpose()?,
        url: row.get(3)?,
        description: row.get(4)?,
        state: EndpointState::parse(&state).ok_or_else(|| corrupt(format!("unknown state {state:?}")))?,
        event_types: names
            .map(|n| n.iter().map(|name| EventTypeName::parse(name)).collect())
            .transpose()
            .map_err(|e| corrupt(e.to_string()))?,
        channels: channels
            .map(|c| c.iter().map(|name| Channel::parse(name)).collect())
            .transpose()
            .map_err(|e| corrupt(e.to_string()))?,
        rate_limit: row.get(8)?,
        concurrency_limit: row.get(9)?,
        headers: from_json("endpoint", key, &unseal("headers", row.get(10)?)?)?,
        metadata: from_json("endpoint", key, &row.get::<_, String>(11)?)?,
        secrets: secrets
            .into_iter()
            .map(|(text, at)| {
                let secret = Secret::parse(&text).map_err(|e| corrupt(e.to_string()))?;
                Ok(EndpointSecret { secret, expires_at: at.map(UnixMillis) })
            })
            .collect::<Result<_, StoreError>>()?,
        schedule: schedule
            .map(|text| RetrySchedule::parse(&text))
            .transpose()
            .map_err(|e| corrupt(e.to_string()))?,
        created_at: UnixMillis(row.get(14)?),
        updated_at: UnixMillis(row.get(15)?),
    })
}

fn sealed_row(id: EndpointId, column: &str) -> String {
    format!("endpoint:{}:{column}", id.0.0)
}

const EVENT_TYPE_COLUMNS: &str = "organisation, name, title, description, event_group, archived, deprecated,
    feature_flag, schemas, example, created_at, updated_at, schema_enforced, schedule";

fn put_event_type(connection: &Connection, it: &EventType) -> Result<(), StoreError> {
    let sql = format!(
        "insert into event_type ({EVENT_TYPE_COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         on conflict (organisation, name) do update set title = excluded.title, description = excluded.description,
         event_group = excluded.event_group, archived = excluded.archived, deprecated = excluded.deprecated,
         feature_flag = excluded.feature_flag, schemas = excluded.schemas, example = excluded.example,
         created_at = excluded.created_at, updated_at = excluded.updated_at,
         schema_enforced = excluded.schema_enforced, schedule = excluded.schedule"
    );
    let flags = it.feature_flags.iter().map(EventTypeName::as_str).collect::<Vec<_>>().join(" ");
    connection.prepare_cached(&sql)?.execute(params![
        it.organisation.0.0,
        it.name.as_str(),
        it.title,
        it.description,
        it.group,
        it.archived,
        it.deprecated,
        (!flags.is_empty()).then_some(flags),
        it.schemas,
        it.example,
        it.created_at.0,
        it.updated_at.0,
        it.schema_enforced,
        it.schedule.as_ref().map(RetrySchedule::to_text),
    ])?;
    Ok(())
}

fn read_event_type(row: &Row<'_>) -> Result<EventType, StoreError> {
    let organisation: i64 = row.get(0)?;
    let name: String = row.get(1)?;
    let flags: Option<String> = row.get(7)?;
    let schedule: Option<String> = row.get(13)?;
    let corrupt = |what: String| StoreError::Corrupt { table: "event_type", key: organisation, what };
    let parse = |text: &str| EventTypeName::parse(text).map_err(|e| corrupt(format!("name {e}")));
    Ok(EventType {
        organisation: OrganisationId(Key(organisation)),
        name: parse(&name)?,
        title: row.get(2)?,
        description: row.get(3)?,
        group: row.get(4)?,
        archived: row.get(5)?,
        deprecated: row.get(6)?,
        feature_flags: flags.iter().flat_map(|text| text.split(' ')).map(parse).collect::<Result<_, _>>()?,
        schemas: row.get(8)?,
        example: row.get(9)?,
        schedule: schedule
            .map(|text| RetrySchedule::parse(&text))
            .transpose()
            .map_err(|e| corrupt(format!("schedule {e}")))?,
        created_at: UnixMillis(row.get(10)?),
        updated_at: UnixMillis(row.get(11)?),
        schema_enforced: row.get(12)?,
    })
}

const API: &str = "api";
const ULTIMATE_MULTISITE: &str = "ultimate_multisite";
const SOURCE: &str = "source";
const API_KEY_COLUMNS: &str = "key, organisation, name, digest, hint, scopes, created_at, expires_at, revoked_at, opens, application, secret_digest, signing_sealed";

fn put_api_key(connection: &Connection, vault: &Vault, it: &ApiKey) -> Result<(), StoreError> {
    let sql = format!(
        "insert into api_key ({API_KEY_COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         on conflict (key) do update set name = excluded.name, scopes = excluded.scopes,
         created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
         opens = excluded.opens, application = excluded.application, secret_digest = excluded.secret_digest"
    );
    let scopes = it.scopes.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" ");
    let (opens, secret) = match &it.opens {
        Opens::Api => (API, None),
        Opens::UltimateMultisite { secret_digest, .. } => (ULTIMATE_MULTISITE, Some(&secret_digest[..])),
        Opens::Source { .. } => (SOURCE, None),
    };
    let signing = it.signing.map(|key| vault.seal(&sealed_key_row(it.id), &key.0)).transpose()?;
    connection.prepare_cached(&sql)?.execute(params![
        it.id.0.0,
        it.organisation.0.0,
        it.name,
        it.digest,
        it.hint,
        scopes,
        it.created_at.0,
        it.expires_at.map(|at| at.0),
        it.revoked_at.map(|at| at.0),
        opens,
        it.opens.application().map(|application| application.0.0),
        secret,
        signing,
    ])?;
    Ok(())
}

fn read_api_key(row: &Row<'_>, vault: &Vault) -> Result<ApiKey, StoreError> {
    let key: i64 = row.get(0)?;
    let id = ApiKeyId(Key(key));
    let signing = row.get::<_, Option<Vec<u8>>>(12)?.map(|sealed| vault.open(&sealed_key_row(id), &sealed));
    let wrong =
        |_| StoreError::Corrupt { table: "api_key", key, what: "its signing key has another length".into() };
    let signing = signing.transpose()?.map(|it| it.try_into().map(SigningKey).map_err(wrong)).transpose()?;
    let scopes: String = row.get(5)?;
    let scopes = scopes.split_whitespace().map(|word| {
        let what = || StoreError::Corrupt { table: "api_key", key, what: format!("unknown scope {word:?}") };
        Scope::parse(word).ok_or_else(what)
    });
    Ok(ApiKey {
        id,
        signing,
        organisation: OrganisationId(Key(row.get(1)?)),
        name: row.get(2)?,
        digest: row.get(3)?,
        hint: row.get(4)?,
        scopes: scopes.collect::<Result<_, _>>()?,
        opens: read_opens(row, key)?,
        created_at: UnixMillis(row.get(6)?),
        expires_at: row.get::<_, Option<i64>>(7)?.map(UnixMillis),
        revoked_at: row.get::<_, Option<i64>>(8)?.map(UnixMillis),
    })
}

fn sealed_key_row(id: ApiKeyId) -> String {
    format!("api_key:{}:signing", id.0.0)
}

fn read_opens(row: &Row<'_>, key: i64) -> Result<Opens, StoreError> {
    let (word, application): (String, Option<i64>) = (row.get(9)?, row.get(10)?);
    let secret: Option<[u8; 32]> = row.get(11)?;
    match (word.as_str(), application.map(|key| ApplicationId(Key(key))), secret) {
        (API, None, None) => Ok(Opens::Api),
        (ULTIMATE_MULTISITE, Some(application), Some(secret_digest)) => {
            Ok(Opens::UltimateMultisite { application, secret_digest })
        }
        (SOURCE, Some(application), None) => Ok(Opens::Source { application }),
        _ => Err(StoreError::Corrupt {
            table: "api_key",
            key,
            what: format!("opens {word:?} with what it has"),
        }),
    }
}

pub(super) fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn uid(table: &'static str, key: i64, text: &str) -> Result<Uid, StoreError> {
    Uid::parse(text).map_err(|e| StoreError::Corrupt { table, key, what: format!("uid {e}") })
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings, lists and maps of strings always serialise")
}

fn from_json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    key: i64,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt { table, key, what: e.to_string() })
}

fn optional_json(
    table: &'static str,
    key: i64,
    text: Option<String>,
) -> Result<Option<Vec<String>>, StoreError> {
    text.map(|t| from_json(table, key, &t)).transpose()
}

/// An answer that is given again to a repeated configuration request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerRow {
    pub(crate) fingerprint: [u8; 16],
    pub(crate) created_at: UnixMillis,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn put_answer(connection: &Connection, it: &AnswerRow) -> Result<(), StoreError> {
    let sql = "insert into answer (fingerprint, created_at, status, body) values (?1, ?2, ?3, ?4)
        on conflict (fingerprint) do update set created_at = excluded.created_at, status = excluded.status,
        body = excluded.body";
    connection.prepare_cached(sql)?.execute(params![it.fingerprint, it.created_at.0, it.status, it.body])?;
    Ok(())
}

pub(crate) fn delete_answers_before(connection: &Connection, time: UnixMillis) -> Result<(), StoreError> {
    connection.execute("delete from answer where created_at < ?1", [time.0])?;
    Ok(())
}

pub(crate) fn answers(connection: &Connection) -> Result<BTreeMap<[u8; 16], AnswerRow>, StoreError> {
    let mut all = BTreeMap::new();
    each(connection, "select fingerprint, created_at, status, body from answer", |row| {
        let it = AnswerRow {
            fingerprint: row.get(0)?,
            created_at: UnixMillis(row.get(1)?),
            status: row.get(2)?,
            body: row.get(3)?,
        };
        all.insert(it.fingerprint, it);
        Ok(())
    })?;
    Ok(all)
}

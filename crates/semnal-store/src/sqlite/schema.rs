//! The journal's tables. Migrations only go forward; `user_version` says how many have run.

use std::path::Path;

use rusqlite::Connection;

use crate::error::OpenError;

/// One entry per migration, oldest first; an entry that was released is never changed.
const MIGRATIONS: &[&str] =
    &[BASE, FEED, TASK, PAYLOADS_AND_PORTAL, HEALTH, ACCOUNTS, CONTENT, INTEGRATION, SIGNING];

/// Version 1. Types stay portable (TEXT, BIGINT with unix milliseconds, BLOB); no triggers.
const BASE: &str = "
create table meta (
    name text primary key,
    value blob not null
) strict, without rowid;

create table organisation (
    key integer primary key,
    name text not null unique,
    created_at integer not null
) strict;

create table application (
    key integer primary key,
    organisation integer not null,
    uid text,
    name text not null,
    rate_limit integer,
    metadata text not null,
    created_at integer not null,
    updated_at integer not null,
    unique (organisation, uid)
) strict;

create table endpoint (
    key integer primary key,
    application integer not null,
    uid text,
    url text not null,
    description text not null,
    state text not null,
    event_types text,
    channels text,
    rate_limit integer,
    concurrency_limit integer,
    headers_sealed blob not null,
    metadata text not null,
    secrets_sealed blob not null,
    schedule text,
    created_at integer not null,
    updated_at integer not null,
    unique (application, uid)
) strict;

create table event_type (
    organisation integer not null,
    name text not null,
    title text,
    description text not null,
    event_group text,
    archived integer not null,
    deprecated integer not null,
    feature_flag text,
    schemas text,
    example text,
    created_at integer not null,
    updated_at integer not null,
    primary key (organisation, name)
) strict, without rowid;

create table api_key (
    key integer primary key,
    organisation integer not null,
    name text not null,
    digest blob not null unique,
    hint text not null,
    scopes text not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer
) strict;

-- The key is one growing integer, so rows land at the end of the table; the payload stands last, so that the columns
-- before it are read without its overflow pages. No secondary index: it would cost a random page per message.
create table message (
    key integer primary key,
    partition integer not null,
    application integer not null,
    event_type text not null,
    event_id text,
    channels text,
    endpoints blob not null,
    idempotency blob,
    event_fingerprint blob,
    payload blob not null
) strict;

-- One row per attempt, written when it ended.
create table outcome (
    message integer not null,
    ordinal integer not null,
    number integer not null,
    endpoint integer not null,
    url text not null,
    started_at integer not null,
    status integer,
    cause text,
    detail text,
    verdict integer not null,
    next_at integer,
    trigger_kind integer not null,
    address text,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    wait_us integer,
    total_us integer not null,
    response_truncated integer not null,
    response_headers blob,
    response_body blob,
    primary key (message, ordinal, number)
) strict, without rowid;

-- What waits for a time, or (due_at null) for its endpoint.
create table retry (
    endpoint integer not null,
    message integer not null,
    ordinal integer not null,
    attempts integer not null,
    step integer not null,
    due_at integer,
    trigger_kind integer not null,
    since integer not null,
    primary key (endpoint, message, ordinal)
) strict, without rowid;
create index retry_due on retry (due_at) where due_at is not null;

-- Undecided work of the endpoint at or below the position is cancelled.
create table cut (
    endpoint integer primary key,
    position integer not null
) strict;

-- Deliveries that were not matched when the message was accepted but asked for later.
create table added_delivery (
    message integer not null,
    ordinal integer not null,
    endpoint integer not null,
    asked_by text not null,
    created_at integer not null,
    primary key (message, ordinal)
) strict, without rowid;

-- Answers to configuration requests that carried an idempotency key.
create table answer (
    fingerprint blob primary key,
    created_at integer not null,
    status integer not null,
    body blob not null
) strict, without rowid;
";

/// Version 2: the feed of the views, see [`crate::views::feed`].
const FEED: &str = "
create table feed (
    position integer primary key,
    entries integer not null,
    changes blob not null
) strict;
";

/// Version 3: background tasks. Few rows, so indexes cost little; `cursor` is how far a task has come.
const TASK: &str = "
create table task (
    key integer primary key,
    organisation integer not null,
    application integer,
    endpoint integer,
    kind text not null,
    status text not null,
    parameters text not null,
    cursor_message integer,
    cursor_ordinal integer,
    done integer not null,
    sent integer not null,
    total integer,
    result text,
    error text,
    asked_by text not null,
    created_at integer not null,
    updated_at integer not null
) strict;
create index task_of_organisation on task (organisation, key);
create index task_running on task (key) where status = 'running';
";

/// Version 4: schemas that are enforced, and tokens of portals that count no longer. `feature_flag` of an event type holds several
/// from here on, separated by spaces.
const PAYLOADS_AND_PORTAL: &str = "
alter table event_type add column schema_enforced integer not null default 0;

create table revocation (
    position integer primary key,
    application integer not null,
    kind text not null,
    what blob,
    in_force_from integer not null,
    forgotten_at integer
) strict;
";

/// Version 5: endpoints that have failed and not succeeded since, and the retry schedule of event types.
const HEALTH: &str = "
create table failing (
    endpoint integer primary key,
    since integer not null,
    failures integer not null
) strict;

alter table event_type add column schedule text;
";

/// Users of the console, their sessions (a person's, or with `application` those of a portal), and the links that set
/// a password. Texts of cookies and links are kept as SHA-256.
const ACCOUNTS: &str = "
create table console_user (
    key integer primary key,
    organisation integer not null,
    name text not null,
    password text not null,
    created_at integer not null,
    updated_at integer not null
) strict;

create table console_session (
    digest blob primary key,
    user integer,
    application integer,
    capabilities text,
    feature_flags text,
    fingerprint blob,
    issued integer,
    portal_session text,
    created_at integer not null,
    seen_at integer not null,
    expires_at integer not null
) strict, without rowid;

create table password_link (
    digest blob primary key,
    user integer,
    expires_at integer not null
) strict;
";

/// Version 7: what is taken back: deliveries that were called off, payloads that are gone, payloads that expire before their
/// messages do.
const CONTENT: &str = "
-- 1 when the payload was overwritten. It is null otherwise: both are stored without a byte of their own, so that
-- marking a row does not change its size.
alter table message add column payload_gone integer;

-- Deliveries that were cancelled (0), lost their payload to a person (1) or to its retention (2). `attempts` is how many
-- had been recorded then; one more may have been under way.
create table called_off (
    message integer not null,
    ordinal integer not null,
    reason integer not null,
    attempts integer not null,
    at integer not null,
    primary key (message, ordinal)
) strict, without rowid;

-- When a payload expires, for messages that gave a period of their own.
create table payload_expiry (
    at integer not null,
    message integer not null,
    primary key (at, message)
) strict, without rowid;
";

/// Version 8. The numbered lists of webhooks, and keys that open one application for another system. An entry without an
/// endpoint is one that is gone, or keeps the greatest number from being given out again.
const INTEGRATION: &str = "
create table integration (
    application integer not null,
    number integer not null,
    endpoint integer,
    service text not null,
    hidden integer not null,
    migrated_from integer not null,
    imported_from integer,
    count_offset integer not null,
    gone_at integer,
    primary key (application, number)
) strict, without rowid;

alter table api_key add column opens text not null default 'api';
alter table api_key add column application integer;
alter table api_key add column secret_digest blob;
";

/// Version 9. With what requests are signed, for keys that can: sealed, unlike the digest, which opens nothing.
const SIGNING: &str = "alter table api_key add column signing_sealed blob;";

/// Runs the migrations that the journal has not seen, each in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("few migrations");
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(OpenError::NewerSchema { path: path.to_path_buf(), found, known });
    }
    for (version, statements) in (1i64..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        let transaction = connection.transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::configuration;
    use crate::vault::Vault;
    use semnal_core::id::{Key, OrganisationId};
    use semnal_core::name::EventTypeName;

    #[test]
    fn an_event_type_of_the_first_version_keeps_its_flag_and_is_not_enforced() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(BASE).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = "insert into event_type values (1, 'a', null, '', null, 0, 0, 'beta', '{}', null, 0, 0),
            (1, 'b', null, '', null, 0, 0, null, null, null, 0, 0)";
        connection.execute_batch(insert).unwrap();
        migrate(&mut connection, Path::new("journal.db")).unwrap();
        let found = configuration::load(&connection, &Vault::new(&[1; 32])).unwrap();
        let of = |name: &str| {
            let name = EventTypeName::parse(name).unwrap();
            found.event_type(OrganisationId(Key(1)), &name).unwrap().clone()
        };
        assert_eq!(of("a").feature_flags, [EventTypeName::parse("beta").unwrap()].into());
        assert!(of("b").feature_flags.is_empty() && !of("a").schema_enforced);
    }
}

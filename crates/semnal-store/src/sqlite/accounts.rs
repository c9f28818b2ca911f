//! Rows about users, sessions and links that set a password. Read as a whole at start, written by the writer thread
//! through [`super::configuration`].

use rusqlite::{Connection, Row, params};
use semnal_core::account::{AccountChange, PasswordLink, PortalGrant, Session, SessionOwner, User};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, Key, OrganisationId, UserId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;

use super::configuration::each;
use crate::error::StoreError;

pub(super) fn write(connection: &Connection, change: &AccountChange) -> Result<(), StoreError> {
    match change {
        AccountChange::PutUser(it) => put_user(connection, it),
        AccountChange::PutSession(it) => put_session(connection, it),
        AccountChange::DeleteSession(digest) => {
            connection.execute("delete from console_session where digest = ?1", [digest])?;
            Ok(())
        }
        AccountChange::PutLink(it) => put_link(connection, it),
        AccountChange::DeleteLink(digest) => {
            connection.execute("delete from password_link where digest = ?1", [digest])?;
            Ok(())
        }
    }
}

/// Ends the sessions of an application's portal.
pub(super) fn delete_of_application(connection: &Connection, id: ApplicationId) -> Result<(), StoreError> {
    connection.execute("delete from console_session where application = ?1", [id.0.0])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, all: &mut Vec<Change>) -> Result<(), StoreError> {
    let mut take = |change| all.push(Change::Account(Box::new(change)));
    let users = "select key, organisation, name, password, created_at, updated_at from console_user";
    each(connection, users, |row| {
        take(AccountChange::PutUser(read_user(row)?));
        Ok(())
    })?;
    each(connection, &format!("select {SESSION_COLUMNS} from console_session"), |row| {
        take(AccountChange::PutSession(read_session(row)?));
        Ok(())
    })?;
    each(connection, "select digest, user, expires_at from password_link", |row| {
        take(AccountChange::PutLink(PasswordLink {
            digest: row.get(0)?,
            user: row.get::<_, Option<i64>>(1)?.map(|key| UserId(Key(key))),
            expires_at: UnixMillis(row.get(2)?),
        }));
        Ok(())
    })
}

fn put_user(connection: &Connection, it: &User) -> Result<(), StoreError> {
    let sql = "insert into console_user (key, organisation, name, password, created_at, updated_at)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        on conflict (key) do update set name = excluded.name, password = excluded.password,
        updated_at = excluded.updated_at";
    let (organisation, created_at) = (it.organisation.0.0, it.created_at.0);
    connection
        .execute(sql, params![it.id.0.0, organisation, it.name, it.password, created_at, it.updated_at.0])?;
    Ok(())
}

fn read_user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: UserId(Key(row.get(0)?)),
        organisation: OrganisationId(Key(row.get(1)?)),
        name: row.get(2)?,
        password: row.get(3)?,
        created_at: UnixMillis(row.get(4)?),
        updated_at: UnixMillis(row.get(5)?),
    })
}

const SESSION_COLUMNS: &str = "digest, user, application, capabilities, feature_flags, fingerprint, issued,
    portal_session, created_at, seen_at, expires_at";

fn put_session(connection: &Connection, it: &Session) -> Result<(), StoreError> {
    let sql = format!(
        "insert into console_session ({SESSION_COLUMNS})
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         on conflict (digest) do update set seen_at = excluded.seen_at, expires_at = excluded.expires_at"
    );
    let (user, grant) = match &it.owner {
        SessionOwner::User(id) => (Some(id.0.0), None),
        SessionOwner::Portal(grant) => (None, Some(grant)),
    };
    connection.prepare_cached(&sql)?.execute(params![
        it.digest,
        user,
        grant.map(|g| g.application.0.0),
        grant.map(|g| words(g.capabilities.iter().map(|c| c.as_str()))),
        grant.and_then(|g| g.feature_flags.as_ref()).map(|flags| words(flags.iter().map(|f| f.as_str()))),
        grant.map(|g| g.fingerprint),
        grant.and_then(|g| g.issued).map(|key| key.0),
        grant.and_then(|g| g.session.as_deref()),
        it.created_at.0,
        it.seen_at.0,
        it.expires_at.0,
    ])?;
    Ok(())
}

fn words<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(" ")
}

fn read_session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        digest: row.get(0)?,
        owner: match row.get::<_, Option<i64>>(1)? {
            Some(key) => SessionOwner::User(UserId(Key(key))),
            None => SessionOwner::Portal(Box::new(read_grant(row)?)),
        },
        created_at: UnixMillis(row.get(8)?),
        seen_at: UnixMillis(row.get(9)?),
        expires_at: UnixMillis(row.get(10)?),
    })
}

fn read_grant(row: &Row<'_>) -> Result<PortalGrant, StoreError> {
    let application: i64 = row.get(2)?;
    let corrupt = |what: String| StoreError::Corrupt { table: "console_session", key: application, what };
    let capabilities: String = row.get(3)?;
    let parse = |word| Capability::parse(word).ok_or_else(|| corrupt(format!("capability {word:?}")));
    let flags: Option<String> = row.get(4)?;
    let flag = |word| EventTypeName::parse(word).map_err(|e| corrupt(format!("flag {e}")));
    Ok(PortalGrant {
        application: ApplicationId(Key(application)),
        capabilities: capabilities.split_whitespace().map(parse).collect::<Result<_, _>>()?,
        feature_flags: flags
            .as_deref()
            .map(|text| text.split_whitespace().map(flag).collect())
            .transpose()?,
        fingerprint: row.get(5)?,
        issued: row.get::<_, Option<i64>>(6)?.map(Key),
        session: row.get(7)?,
    })
}

fn put_link(connection: &Connection, it: &PasswordLink) -> Result<(), StoreError> {
    let sql = "insert into password_link (digest, user, expires_at) values (?1, ?2, ?3)
        on conflict (digest) do update set user = excluded.user, expires_at = excluded.expires_at";
    connection.execute(sql, params![it.digest, it.user.map(|id| id.0.0), it.expires_at.0])?;
    Ok(())
}

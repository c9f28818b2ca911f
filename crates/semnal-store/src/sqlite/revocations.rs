//! Rows about tokens of portals that count no longer. Read as a whole at start, written by the writer thread through
//! [`super::configuration`].

use rusqlite::{Connection, Row, params};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, Key};
use semnal_core::portal::{Revocation, Revoked};
use semnal_core::time::UnixMillis;

use super::configuration::each;
use crate::error::StoreError;

const ALL: &str = "all";
const SESSION: &str = "session";
const ONE: &str = "one";

pub(super) fn put(connection: &Connection, it: &Revocation) -> Result<(), StoreError> {
    let sql = "insert into revocation (position, application, kind, what, in_force_from, forgotten_at)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        on conflict (position) do update set application = excluded.application, kind = excluded.kind,
        what = excluded.what, in_force_from = excluded.in_force_from, forgotten_at = excluded.forgotten_at";
    let (kind, what) = match &it.tokens {
        Revoked::All => (ALL, None),
        Revoked::Session(session) => (SESSION, Some(session.as_bytes())),
        Revoked::One(fingerprint) => (ONE, Some(&fingerprint[..])),
    };
    let (from, until) = (it.from.0, it.until.map(|at| at.0));
    let params = params![it.position.0, it.application.0.0, kind, what, from, until];
    connection.prepare_cached(sql)?.execute(params)?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, position: Key) -> Result<(), StoreError> {
    connection.execute("delete from revocation where position = ?1", [position.0])?;
    Ok(())
}

pub(super) fn delete_all(connection: &Connection, application: ApplicationId) -> Result<(), StoreError> {
    connection.execute("delete from revocation where application = ?1", [application.0.0])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, all: &mut Vec<Change>) -> Result<(), StoreError> {
    let sql = "select position, application, kind, what, in_force_from, forgotten_at from revocation
        order by position";
    each(connection, sql, |row| {
        all.push(Change::Revoke(read(row)?));
        Ok(())
    })
}

fn read(row: &Row<'_>) -> Result<Revocation, StoreError> {
    let position: i64 = row.get(0)?;
    let (kind, what): (String, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
    let tokens = match (kind.as_str(), what) {
        (ALL, None) => Some(Revoked::All),
        (SESSION, Some(text)) => String::from_utf8(text).ok().map(Revoked::Session),
        (ONE, Some(bytes)) => bytes.try_into().ok().map(Revoked::One),
        _ => None,
    };
    Ok(Revocation {
        position: Key(position),
        application: ApplicationId(Key(row.get(1)?)),
        tokens: tokens.ok_or_else(|| StoreError::Corrupt {
            table: "revocation",
            key: position,
            what: format!("kind {kind:?} with what it has"),
        })?,
        from: UnixMillis(row.get(4)?),
        until: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
    })
}

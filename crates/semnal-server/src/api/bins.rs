//! `/api/v1/bin`: the request bins of an organisation. What they catch is in `bins/requests.rs`.

pub(crate) mod curl;
pub(crate) mod export;
pub(crate) mod replay;
pub(crate) mod requests;
pub(crate) mod response;
pub(crate) mod streamed;
pub(crate) mod updates;
pub(crate) mod verify;
pub(super) mod wait;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::{DEFAULT_ORGANISATION, Scope};
use semnal_core::id::{BinId, IdCipher, IdKind, Key};
use semnal_core::name::Uid;
use semnal_core::request_bin::response::BinResponse;
use semnal_core::request_bin::{BIN_NAME_CHARACTERS_MAX, BINS_MAX, Bin, Expiry};
use semnal_core::time::UnixMillis;
use semnal_engine::transport::Transport;
use semnal_store::bins::{BinChange, BinState, Bins};
use serde::Serialize;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::{Caller, View};
use super::body::RequestBody;
use super::error::ApiError;
use super::find::Segments;
use super::idempotency::Idempotency;
use super::input::{Fields, Given};
use super::page::{self, CursorKey, Order};
use super::query::Params;
use super::time::{self, Rfc3339};

/// 12 hours: how long a repeated request to make a bin makes no second one (DESIGN 4.7).
const REPEATED_WITHIN: Duration = Duration::from_secs(12 * 3_600);
/// 3,650 days: the furthest that a bin may be kept.
pub(super) const EXPIRY_DAYS_MAX: u64 = 3_650;

/// What the API does bins with.
#[derive(Clone)]
pub(crate) struct BinsApi {
    /// The bins.
    pub bins: Bins,
    /// Where senders reach them, without a slash at the end.
    pub base_url: String,
    /// The way out, for requests that are sent again.
    pub transport: Transport,
    /// Ends those who wait or listen when the server stops.
    pub shutdown: CancellationToken,
}

/// Why there are no bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinsAway {
    /// `bin_listen` is `none`.
    TurnedOff,
    /// Their file cannot be used.
    Broken,
}

impl From<BinsAway> for ApiError {
    fn from(away: BinsAway) -> ApiError {
        ApiError::BinsUnavailable(match away {
            BinsAway::TurnedOff => "request bins are turned off on this server: bin_listen is none",
            BinsAway::Broken => "the file of the request bins cannot be used; the server's log says why",
        })
    }
}

/// Returns the bins, if there are any.
pub(super) fn bins(api: &ApiState) -> Result<&BinsApi, ApiError> {
    api.bins.as_ref().map_err(|away| ApiError::from(*away))
}

impl CursorKey for BinId {
    const LIST: u8 = b'b';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(BinId(Key(i64::from_be_bytes(bytes.try_into().ok()?))))
    }
}

/// A URL that records what is sent to it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BinOut {
    id: String,
    uid: Option<String>,
    name: String,
    /// Where senders send to.
    url: String,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    /// When it goes away with what it caught.
    expires_at: Rfc3339,
    last_used_at: Rfc3339,
    /// The number of the newest request that it caught.
    last_number: u32,
    /// How many requests it holds.
    requests: u64,
    /// How many bytes they have.
    bytes: u64,
    limits: BinLimitsOut,
}

/// How much a bin holds before its oldest requests go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BinLimitsOut {
    requests: u64,
    bytes: u64,
}

pub(crate) fn public_id(ids: &IdCipher, id: BinId) -> String {
    ids.encode(IdKind::Bin, 0, id.0)
}

/// Returns the URL of a bin. It has the uid when that leads there: a path names no organisation, so uids are those of
/// the default one.
pub(crate) fn url(api: &ApiState, bins: &BinsApi, bin: &Bin) -> String {
    let configuration = api.store.configuration();
    let default = configuration.organisation_by_name(DEFAULT_ORGANISATION).map(|it| it.id);
    let uid = bin.uid.as_ref().filter(|_| default == Some(bin.organisation));
    let name = uid.map_or_else(|| public_id(api.store.ids(), bin.id), |uid| uid.as_str().to_owned());
    format!("{}/{name}", bins.base_url)
}

fn out(api: &ApiState, bins: &BinsApi, state: &BinState) -> BinOut {
    let BinState { bin, tally } = state;
    let limits = bins.bins.limits();
    BinOut {
        id: public_id(api.store.ids(), bin.id),
        uid: bin.uid.as_ref().map(|uid| uid.as_str().to_owned()),
        name: bin.name.clone(),
        url: url(api, bins, bin),
        created_at: Rfc3339(bin.created_at),
        updated_at: Rfc3339(bin.updated_at),
        expires_at: Rfc3339(bins.bins.expires_at(state)),
        last_used_at: Rfc3339(tally.used_at),
        last_number: tally.last_number,
        requests: tally.requests,
        bytes: tally.bytes,
        limits: BinLimitsOut { requests: limits.requests_max, bytes: limits.bytes_max },
    }
}

/// Returns a bin of an organisation by its id or uid.
///
/// # Errors
/// 404.
pub(crate) fn find(api: &ApiState, bins: &BinsApi, view: View, text: &str) -> Result<BinState, ApiError> {
    let found = match api.store.ids().decode(IdKind::Bin, text) {
        Ok((_, key)) => bins.bins.get(BinId(key)),
        Err(_) => Uid::parse(text).ok().and_then(|uid| bins.bins.by_uid(view.organisation, &uid)),
    };
    let ours = found.filter(|it| it.bin.organisation == view.organisation);
    ours.ok_or_else(|| ApiError::not_found("request bin", text))
}

/// Reads `expiresAt`: a time to come; null goes back to counting from the last use.
fn expiry(fields: &mut Fields<'_>, now: UnixMillis) -> Given<Expiry> {
    let latest = now + Duration::from_secs(EXPIRY_DAYS_MAX * 24 * 3_600);
    let read =
        |text: &str| time::parse(text).ok_or("must be a time as RFC 3339 writes it: 2026-01-31T12:00:00Z");
    match fields.parsed("expiresAt", "invalid_time", read) {
        Given::Value(at) if at > now && at <= latest => Given::Value(Expiry::At(at)),
        Given::Value(_) => {
            let msg = format!("must be in the future, {EXPIRY_DAYS_MAX} days at most");
            fields.problem("expiresAt", "out_of_range", msg);
            Given::Absent
        }
        Given::Null => Given::Value(Expiry::AfterUse),
        Given::Absent => Given::Absent,
    }
}

fn uid_taken(uid: &Uid) -> ApiError {
    ApiError::Conflict(format!(
        "a request bin with the uid {:?} exists already; choose another or change that one",
        super::error::excerpt(uid.as_str())
    ))
}

/// `GET /api/v1/bin`: oldest first unless told otherwise.
pub(super) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let (limit, order, cursor) = (params.limit(), params.order(Order::Ascending), params.cursor());
    params.finish()?;
    let all = bins.bins.of_organisation(view.organisation);
    let page = page::cut(all, |it| it.bin.id, order, &cursor, limit);
    Ok(Answer::json(StatusCode::OK, &page.map(|it| out(&api, bins, &it))))
}

/// `POST /api/v1/bin`
pub(super) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Idempotency(made_by): Idempotency,
    mut params: Params,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    let get_if_exists = params.flag("get_if_exists", false);
    params.finish()?;
    let (status, state) = insert(&api, bins, view, made_by, get_if_exists, &body).await?;
    Ok(Answer::json(status, &out(&api, bins, &state)))
}

/// Makes a bin of what a client gave, or finds the one that it means.
///
/// # Errors
/// What is wrong with the body, a uid that is taken, or too many bins.
pub(crate) async fn insert(
    api: &ApiState,
    bins: &BinsApi,
    view: View,
    made_by: Option<[u8; 16]>,
    get_if_exists: bool,
    body: &[u8],
) -> Result<(StatusCode, BinState), ApiError> {
    let now = api.now();
    let mut fields = Fields::parse_optional(body)?;
    let uid = fields.parsed("uid", "invalid_name", Uid::parse).value();
    let name = fields.text("name", 1..=BIN_NAME_CHARACTERS_MAX).value();
    let expiry = expiry(&mut fields, now).value().unwrap_or(Expiry::AfterUse);
    fields.finish()?;
    let id = bins.bins.next_id();
    let name = name.or_else(|| uid.as_ref().map(|uid| uid.as_str().to_owned()));
    let bin = Bin {
        id,
        organisation: view.organisation,
        uid,
        name: name.unwrap_or_else(|| "Request bin".to_owned()),
        response: BinResponse::default(),
        response_after: 0,
        expiry,
        created_at: now,
        updated_at: now,
        made_by,
    };
    let lifetime = bins.bins.limits().lifetime;
    let made = bins.bins.change(move |directory| {
        let live = |it: &BinState| it.bin.expires_at(&it.tally, lifetime) > now;
        let repeated = |it: &&BinState| {
            made_by.is_some() && it.bin.made_by == made_by && now.since(it.bin.created_at) < REPEATED_WITHIN
        };
        let mut theirs = directory.of_organisation(bin.organisation).filter(|it| live(it));
        if let Some(before) = theirs.find(repeated) {
            return Ok((Vec::new(), (StatusCode::CREATED, before.bin.id)));
        }
        let mut changes = Vec::new();
        let namesake = bin.uid.as_ref().and_then(|uid| directory.by_uid(bin.organisation, uid));
        match namesake {
            Some(it) if live(it) && get_if_exists => return Ok((Vec::new(), (StatusCode::OK, it.bin.id))),
            Some(it) if live(it) => return Err(bin.uid.as_ref().map_or(ApiError::Internal, uid_taken)),
            // It has expired, and only nobody has swept it away yet.
            Some(it) => changes.push(BinChange::Delete(it.bin.id)),
            None => {}
        }
        if directory.of_organisation(bin.organisation).filter(|it| live(it)).count() >= BINS_MAX {
            let msg = format!("an organisation has at most {BINS_MAX} request bins; delete one first");
            return Err(ApiError::Conflict(msg));
        }
        let id = bin.id;
        changes.push(BinChange::Put(Box::new(bin)));
        Ok((changes, (StatusCode::CREATED, id)))
    });
    let (status, id) = made.await??;
    Ok((status, bins.bins.get(id).ok_or(ApiError::Unavailable)?))
}

/// `GET /api/v1/bin/{bin_id}`
pub(super) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    Ok(Answer::json(StatusCode::OK, &out(&api, bins, &find(&api, bins, view, &bin)?)))
}

/// `PATCH /api/v1/bin/{bin_id}`
pub(super) async fn patch(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    let state = modify(&api, bins, view, &bin, &body).await?;
    Ok(Answer::json(StatusCode::OK, &out(&api, bins, &state)))
}

/// Changes the name, the uid and the expiry of a bin to what a client gave.
///
/// # Errors
/// 404, what is wrong with the body, or a uid that is taken.
pub(crate) async fn modify(
    api: &ApiState,
    bins: &BinsApi,
    view: View,
    bin: &str,
    body: &[u8],
) -> Result<BinState, ApiError> {
    let now = api.now();
    let mut fields = Fields::parse(body)?;
    let uid = fields.parsed("uid", "invalid_name", Uid::parse);
    let name = fields.text("name", 1..=BIN_NAME_CHARACTERS_MAX);
    let name = fields.not_null("name", name);
    let expiry = expiry(&mut fields, now).value();
    fields.finish()?;
    change(api, bins, view, bin, move |directory, it| {
        it.name = name.unwrap_or_else(|| it.name.clone());
        uid.patch(&mut it.uid);
        it.expiry = expiry.unwrap_or(it.expiry);
        let other = it.uid.as_ref().and_then(|uid| directory.by_uid(it.organisation, uid));
        match (other, &it.uid) {
            (Some(other), Some(uid)) if other.bin.id != it.id => Err(uid_taken(uid)),
            _ => Ok(()),
        }
    })
    .await
}

/// Changes a bin and returns it as it is then.
async fn change(
    api: &ApiState,
    bins: &BinsApi,
    view: View,
    text: &str,
    make: impl FnOnce(&semnal_store::bins::directory::Directory, &mut Bin) -> Result<(), ApiError>
    + Send
    + 'static,
) -> Result<BinState, ApiError> {
    let (id, now) = (find(api, bins, view, text)?.bin.id, api.now());
    let gone = ApiError::not_found("request bin", text);
    let changed = bins.bins.change(move |directory| {
        let state = directory.get(id).ok_or(gone)?;
        let mut bin = Bin { updated_at: now, ..(*state.bin).clone() };
        // A sequence begins anew when the answer is set; see `response.rs`.
        make(directory, &mut bin)?;
        Ok::<_, ApiError>((vec![BinChange::Put(Box::new(bin))], ()))
    });
    changed.await??;
    bins.bins.get(id).ok_or_else(|| ApiError::not_found("request bin", text))
}

/// `DELETE /api/v1/bin/{bin_id}`: with everything that it caught.
pub(super) async fn delete(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Manage)?, bins(&api)?);
    remove(bins, find(&api, bins, view, &bin)?.bin.id).await?;
    Ok(Answer::no_content())
}

/// Deletes a bin with everything that it caught.
///
/// # Errors
/// What the store says.
pub(crate) async fn remove(bins: &BinsApi, id: BinId) -> Result<(), ApiError> {
    bins.bins.change(move |_| Ok::<_, ApiError>((vec![BinChange::Delete(id)], ()))).await?
}

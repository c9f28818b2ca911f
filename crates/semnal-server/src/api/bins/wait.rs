//! `…/bin/{bin_id}/wait`: the first request that matches, for people's tests.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use semnal_core::application::Scope;
use semnal_store::views::filter::{Direction, Slice};
use tokio::time::{Instant, timeout_at};

use super::requests::{number_of, wanted, whole};
use super::{bins, find};
use crate::api::ApiState;
use crate::api::answer::Answer;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::query::Params;

/// 25 s unless told otherwise: below the patience of most proxies.
pub(in crate::api) const WAIT_SECONDS_DEFAULT: u16 = 25;
/// 60 s at most.
pub(in crate::api) const WAIT_SECONDS_MAX: u16 = 60;

/// `GET …/wait`: 408 when none came. Without `after`, requests count that come from now on.
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let id = find(&api, bins, view, &bin)?.bin.id;
    let seconds = params.number("timeout", 0..=WAIT_SECONDS_MAX).unwrap_or(WAIT_SECONDS_DEFAULT);
    let after = params.id("after", |text| number_of(api.store.ids(), id, text));
    let wanted = wanted(api.store.ids(), &mut params);
    params.finish()?;
    let gone = || ApiError::not_found("request bin", &bin);
    let mut watch = bins.bins.watch(id).ok_or_else(gone)?;
    let mut after = after.unwrap_or(watch.borrow().last_number);
    let until = Instant::now() + Duration::from_secs(seconds.into());
    loop {
        let last = watch.borrow_and_update().last_number;
        let slice = Slice { from: Some(after), direction: Direction::Newer, limit: 1 };
        let found = bins.bins.requests(id, slice, wanted.clone()).await?;
        if let Some(it) = found.items.first() {
            return whole(&api, view, it).await;
        }
        // What was there when it was asked for has been looked at.
        after = after.max(last);
        tokio::select! {
            () = bins.shutdown.cancelled() => return Err(ApiError::Unavailable),
            changed = timeout_at(until, watch.changed()) => match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(gone()),
                Err(_) => return Err(ApiError::NothingCame),
            },
        }
    }
}

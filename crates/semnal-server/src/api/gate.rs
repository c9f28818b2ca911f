//! What every request passes before its handler: who is it, and its body as a whole.
//!
//! A stranger's body is read away, not kept: memory is for callers that we know. Nothing here is logged but method,
//! path, status and time.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::auth::{self, Trust};
use super::body::{self, Drained, RequestBody};
use super::error::ApiError;
use super::signed::Claim;
use super::{ApiState, Gate};

/// Runs a request through the gate.
pub(crate) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return admit(&gate, request, next).await;
    }
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = admit(&gate, request, next).await;
    let (status, duration_ms) = (response.status().as_u16(), started.elapsed().as_millis());
    tracing::debug!(%method, path, status, duration_ms, "request");
    response
}

async fn admit(gate: &Gate, mut request: Request, next: Next) -> Response {
    let mut incoming = std::mem::replace(request.body_mut(), Body::empty());
    match admitted(&gate.api, gate.trust, &mut request, &mut incoming).await {
        Ok(()) => next.run(request).await,
        Err((error, drained)) => body::refuse(error, drained),
    }
}

/// Puts the caller and the body into the request's extensions.
async fn admitted(
    api: &Arc<ApiState>,
    trust: Trust,
    request: &mut Request,
    incoming: &mut Body,
) -> Result<(), (ApiError, Drained)> {
    // A path that nobody serves is answered without asking who it is.
    if request.extensions().get::<MatchedPath>().is_none() {
        body::drain(incoming).await;
        return Ok(());
    }
    let limits = &api.limits;
    let claimed = if trust == Trust::Network { Claim::of(request, api) } else { Ok(None) };
    if let Ok(Some(claim)) = claimed {
        let bytes = body::read(incoming, limits.body_bytes_max, limits.body_read_timeout).await?;
        let caller = claim.verify(api, request, &bytes).map_err(|error| (error, Drained::Whole))?;
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(RequestBody(bytes));
        return Ok(());
    }
    let identified = match claimed {
        Ok(_) => auth::identify(api, trust, request.headers()).await,
        Err(error) => Err(error),
    };
    match identified {
        Ok(caller) => request.extensions_mut().insert(caller),
        Err(error) => return Err((error, body::drain(incoming).await)),
    };
    let bytes = body::read(incoming, limits.body_bytes_max, limits.body_read_timeout).await?;
    request.extensions_mut().insert(RequestBody(bytes));
    Ok(())
}

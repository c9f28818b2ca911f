//! Reads a request's body: as a whole up to a limit and within a time, or away, so that a client that writes all of
//! it before it reads gets its answer instead of a reset connection.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::error::ApiError;

/// 32 MiB of a body that nobody wants are read before the connection is closed.
const DRAIN_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// 10 s are given to a body that nobody wants.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a request, read by [`super::gate`] before the handler runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestBody(pub Bytes);

impl<S: Sync> FromRequestParts<S> for RequestBody {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RequestBody, ApiError> {
        parts.extensions.remove().ok_or(ApiError::Internal)
    }
}

/// Whether the rest of a body has been read, so that the connection can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// All of it.
    Whole,
    /// It was too long, too slow or broken.
    Abandoned,
}

/// Reads a body of at most `bytes_max` bytes. One that arrives in one piece is not copied.
///
/// # Errors
/// With what is to be answered, and whether the rest of the body has been read.
pub(crate) async fn read(
    body: &mut Body,
    bytes_max: usize,
    within: Duration,
) -> Result<Bytes, (ApiError, Drained)> {
    let too_large = ApiError::BodyTooLarge { bytes_max };
    if announced(body).is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err((too_large, drain(body).await));
    }
    let deadline = Instant::now() + within;
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    loop {
        let data = match timeout_at(deadline, next(body)).await {
            Err(_) => return Err((ApiError::BodyTimeout, Drained::Abandoned)),
            Ok(Err(error)) => return Err((error, Drained::Abandoned)),
            Ok(Ok(None)) => break,
            Ok(Ok(Some(data))) => data,
        };
        if first.len() + more.len() + data.len() > bytes_max {
            return Err((too_large, drain(body).await));
        }
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            more.extend_from_slice(&std::mem::take(&mut first));
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

/// Answers instead of serving, and closes the connection when the rest of the body was not read.
pub(crate) fn refuse(refusal: impl IntoResponse, drained: Drained) -> Response {
    let mut response = refusal.into_response();
    if drained == Drained::Abandoned {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads a body away, within limits.
pub(crate) async fn drain(body: &mut Body) -> Drained {
    if announced(body).is_some_and(|bytes| bytes > DRAIN_BYTES_MAX as u64) {
        return Drained::Abandoned;
    }
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    let mut bytes = 0;
    while bytes <= DRAIN_BYTES_MAX {
        match timeout_at(deadline, next(body)).await {
            Ok(Ok(Some(data))) => bytes += data.len(),
            Ok(Ok(None)) => return Drained::Whole,
            _ => break,
        }
    }
    Drained::Abandoned
}

/// Returns the next data; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| ApiError::BodyCutOff)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {}
        }
    }
    Ok(None)
}

fn announced(body: &Body) -> Option<u64> {
    HttpBody::size_hint(body).exact()
}

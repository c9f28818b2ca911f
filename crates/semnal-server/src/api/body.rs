//! Reading request bodies: bounded in bytes and time; one that is too large is read to its end before the answer, so
//! that the client hears it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::ApiState;
use super::error::{ApiError, Problem};

/// 32 MiB of a body that is too large are read and thrown away; then the connection is closed.
const DRAIN_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// 30 s for a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The body, as it came.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S> FromRequest<S> for Raw
where
    Arc<ApiState>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Raw, ApiError> {
        let max = Arc::<ApiState>::from_ref(state).body_bytes_max;
        let read = read(request, max);
        match tokio::time::timeout(BODY_TIMEOUT, read).await {
            Ok(result) => result.map(Raw),
            Err(_) => {
                let detail = "the body did not arrive in 30 s";
                Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail))
            }
        }
    }
}

async fn read(request: Request, max: usize) -> Result<Bytes, ApiError> {
    let mut body = request.into_body();
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    let mut total = 0usize;
    while let Some(frame) = body.frame().await {
        let broken = |_| ApiError::new(StatusCode::BAD_REQUEST, "broken_body", "the body could not be read");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        total += data.len();
        if total > DRAIN_BYTES_MAX {
            break;
        }
        if total > max {
            first = None;
            whole = BytesMut::new();
        } else if first.is_none() && whole.is_empty() {
            // The common case: one frame, taken without a copy.
            first = Some(data);
        } else {
            if let Some(start) = first.take() {
                whole.extend_from_slice(&start);
            }
            whole.extend_from_slice(&data);
        }
    }
    if total > max {
        let detail = format!("the body is larger than {max} bytes (body_bytes_max)");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Reads JSON; what is no JSON is 400, JSON of another shape 422.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            let place = vec!["body".to_owned()];
            ApiError::Invalid(vec![Problem { place, message: error.to_string(), kind: "type_error" }])
        } else {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", format!("the body is not JSON: {error}"))
        }
    })
}

/// Reads JSON, an empty body standing for `{}`.
pub(crate) fn parse_optional<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    parse(if bytes.is_empty() { b"{}" } else { bytes })
}

/// For PATCH: `None` is absent, `Some(None)` is null.
pub(crate) fn double<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

//! What a request is answered with when it was done: a status and JSON. The same value is kept by the store for a
//! repetition of the request.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use semnal_store::store::StoredAnswer;
use serde::Serialize;

/// A status and a JSON body; an empty body has no content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// An answer with a body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).expect("our answers have text keys and no failing serialiser");
        Answer { status, body }
    }

    /// 204.
    pub(crate) fn no_content() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, body: Vec::new() }
    }

    /// 202 with an empty object.
    pub(crate) fn accepted() -> Answer {
        Answer { status: StatusCode::ACCEPTED, body: b"{}".to_vec() }
    }

    /// What the store keeps.
    pub(crate) fn to_stored(&self) -> StoredAnswer {
        StoredAnswer { status: self.status.as_u16(), body: self.body.clone() }
    }
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Answer {
        let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        Answer { status, body: stored.body }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if !self.body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            *response.body_mut() = Body::from(self.body);
        }
        response
    }
}

//! Answers in WordPress's form: errors are `{code, message, data: {status}}`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::error::ApiError;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    /// What `data` has beside the status.
    more: Map<String, Value>,
}

impl Refusal {
    /// Makes one with a code that programs know.
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.to_owned(), message: message.into(), more: Map::new() }
    }

    /// Nobody who may do this.
    pub(super) fn forbidden() -> Refusal {
        let message = "Sorry, you are not allowed to do that.";
        Refusal::new(StatusCode::UNAUTHORIZED, "rest_forbidden", message)
    }

    /// Nobody serves this path with this method.
    pub(super) fn no_route() -> Refusal {
        let message = "No route was found matching the URL and request method.";
        Refusal::new(StatusCode::NOT_FOUND, "rest_no_route", message)
    }

    /// There is no such item.
    pub(super) fn not_found(model: &str) -> Refusal {
        let code = format!("wu_rest_{model}_invalid_id");
        Refusal::new(StatusCode::NOT_FOUND, &code, "Item not found.")
    }

    /// The field exists on no item, or is not for clients to set.
    pub(super) fn not_settable(model: &str, field: &str) -> Refusal {
        let code = format!("wu_rest_{model}_invalid_set_method");
        let message = format!("The field {:?} of a {model} cannot be set.", excerpt(field));
        Refusal::new(StatusCode::BAD_REQUEST, &code, message)
    }

    /// The value of a field is refused; the code is the field, as the original has it.
    pub(super) fn field(field: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, field, message)
    }

    /// The body is no JSON object.
    pub(super) fn not_json() -> Refusal {
        let message = "Invalid JSON body passed: send a JSON object; forms are not read here.";
        Refusal::new(StatusCode::BAD_REQUEST, "rest_invalid_json", message)
    }

    /// Parameters that have to be there are not.
    pub(super) fn missing(names: &[&str]) -> Refusal {
        let message = format!("Missing parameter(s): {}", names.join(", "));
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "rest_missing_callback_param", message);
        refusal.with("params", json!(names))
    }

    /// Parameters are not of their type, each with what is wrong with it.
    pub(super) fn wrong_types(problems: Map<String, Value>) -> Refusal {
        let names: Vec<&str> = problems.keys().map(String::as_str).collect();
        let message = format!("Invalid parameter(s): {}", names.join(", "));
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "rest_invalid_param", message);
        refusal.with("params", Value::Object(problems))
    }

    fn with(mut self, name: &str, value: Value) -> Refusal {
        self.more.insert(name.to_owned(), value);
        self
    }
}

fn excerpt(text: &str) -> &str {
    crate::api::error::excerpt(text)
}

/// What the rest of the server refuses, in this face's form. A validation error is a 400 here.
impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Refusal {
        let (status, code, _) = error.parts();
        let status =
            if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
        Refusal::new(status, &format!("rest_{code}"), error.sentence())
    }
}

impl From<semnal_store::error::StoreError> for Refusal {
    fn from(error: semnal_store::error::StoreError) -> Refusal {
        ApiError::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut data = self.more;
        data.insert("status".to_owned(), json!(self.status.as_u16()));
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let mut response =
            json(self.status, &json!({ "code": self.code, "message": self.message, "data": data }));
        if busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// Answers with JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    crate::api::answer::Answer::json(status, body).into_response()
}

/// Answers a page of a list with its paging headers.
pub(super) fn page(items: &impl Serialize, total: u64, per_page: u64) -> Response {
    let mut response = json(StatusCode::OK, items);
    let headers = response.headers_mut();
    headers.insert("x-wp-total", total.into());
    headers.insert("x-wp-totalpages", total.div_ceil(per_page).into());
    response
}

//! `/api/v1/background-task`: bulk work that goes on after its request was answered.

pub(super) mod endpoint;
pub(super) mod usage;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::id::{IdCipher, IdKind, Key, TaskId};
use semnal_core::time::UnixMillis;
use semnal_store::task::{
    Ended, NewTask, RUNNING_MAX, Started, Task, TaskEnd, TaskFilter, TaskKind, TaskStatus,
};
use semnal_store::views::filter::{Direction, Found};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::{Caller, View};
use super::error::ApiError;
use super::find::Segments;
use super::idempotency::Idempotency;
use super::page::{self, Cursor, CursorKey, ListedKey, Order, Page};
use super::query::Params;
use super::time::Rfc3339;

/// A background task as it is now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskOut {
    id: String,
    /// `running`, `finished` or `failed`. One that was cancelled has failed, and `data.cancelled` is true.
    status: &'static str,
    task: &'static str,
    /// How far it is: `done`, `total` and `messagesSent` of work on an endpoint; what was counted; `error`.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    updated_at: Rfc3339,
}

/// A background task that was started.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskStartedOut {
    id: String,
    status: &'static str,
    task: &'static str,
    updated_at: Rfc3339,
}

/// A count of applications that was started.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageStartedOut {
    #[serde(flatten)]
    started: TaskStartedOut,
    /// Those of `appIds` that name no application.
    unresolved_app_ids: Vec<String>,
}

impl CursorKey for TaskId {
    const LIST: u8 = b'q';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = i64::from_be_bytes(bytes.try_into().ok()?);
        (0..i64::MAX).contains(&key).then_some(TaskId(Key(key)))
    }
}

impl ListedKey for TaskId {
    fn just_below(self) -> Self {
        TaskId(Key((self.0.0 - 1).max(0)))
    }
}

fn public_id(ids: &IdCipher, id: TaskId) -> String {
    ids.encode(IdKind::Task, 0, id.0)
}

/// Returns the status as Svix's SDKs know it: a task that a person ended has failed, and its data say so.
fn shown(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Cancelled => TaskStatus::Failed.as_str(),
        other => other.as_str(),
    }
}

fn out(ids: &IdCipher, it: &Task) -> TaskOut {
    let mut data = match it.result.as_deref().map(serde_json::from_str) {
        Some(Ok(Value::Object(found))) => found,
        _ => Map::new(),
    };
    if it.endpoint.is_some() {
        data.insert("messagesSent".to_owned(), it.sent.into());
        data.insert("done".to_owned(), it.done.into());
        data.insert("total".to_owned(), it.total.into());
    }
    if let Some(error) = &it.error {
        data.insert("error".to_owned(), error.as_str().into());
    }
    if it.status == TaskStatus::Cancelled {
        data.insert("cancelled".to_owned(), true.into());
    }
    TaskOut {
        id: public_id(ids, it.id),
        status: shown(it.status),
        task: it.kind.as_str(),
        data,
        updated_at: Rfc3339(it.updated_at),
    }
}

/// Starts a task and answers 202 with what it is, or with what the same request was answered before.
async fn start(
    api: &ApiState,
    idempotency: Idempotency,
    task: NewTask,
    unresolved_app_ids: Option<Vec<String>>,
) -> Result<Answer, ApiError> {
    let started = TaskStartedOut {
        id: public_id(api.store.ids(), task.id),
        status: TaskStatus::Running.as_str(),
        task: task.kind.as_str(),
        updated_at: Rfc3339(task.now),
    };
    let answer = match unresolved_app_ids {
        None => Answer::json(StatusCode::ACCEPTED, &started),
        Some(unresolved_app_ids) => {
            Answer::json(StatusCode::ACCEPTED, &UsageStartedOut { started, unresolved_app_ids })
        }
    };
    match api.store.start_task(task, idempotency.0, answer.to_stored()).await? {
        Started::Running => Ok(answer),
        Started::Repeated(stored) => Ok(stored.into()),
        Started::TooMany => Err(ApiError::Conflict(format!(
            "{RUNNING_MAX} background tasks are running already; wait for one to end or cancel one"
        ))),
    }
}

/// Returns the key and the time of a task that begins now.
fn begin(api: &ApiState) -> (TaskId, UnixMillis) {
    (TaskId(api.store.next_key()), api.now())
}

async fn find(api: &ApiState, view: View, text: &str) -> Result<Task, ApiError> {
    let not_found = || ApiError::not_found("background task", text);
    let (_, key) = api.store.ids().decode(IdKind::Task, text).map_err(|_| not_found())?;
    let found = api.store.read(move |reader| reader.task(TaskId(key))).await?;
    let is_seen = |it: &Task| {
        it.organisation == view.organisation
            && view.only_application().is_none_or(|only| it.application == Some(only))
    };
    found.filter(is_seen).ok_or_else(not_found)
}

/// `GET /background-task/{task_id}`
pub(super) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(task): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), &find(&api, view, &task).await?)))
}

/// `POST /background-task/{task_id}/cancel`: no step is taken any more. What was made due already stays due.
pub(super) async fn cancel(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(task): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let it = find(&api, view, &task).await?;
    let why = format!("it was cancelled ({})", caller.describe());
    match api.store.end_task(it.id, TaskEnd::Cancelled(why)).await? {
        Ended::Now | Ended::Before(TaskStatus::Cancelled) => Ok(Answer::no_content()),
        Ended::Before(status) => {
            Err(ApiError::Conflict(format!("the task has ended already: it is {}", status.as_str())))
        }
        Ended::NoSuchTask => Err(ApiError::not_found("background task", &task)),
    }
}

/// `GET /background-task`: newest first unless told otherwise.
pub(super) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor, order) = (params.limit(), params.cursor::<TaskId>(), params.order(Order::Descending));
    let statuses = params.word("status", &TaskStatus::ALL.map(TaskStatus::as_str));
    let kind = params.word("task", &TaskKind::ALL.map(TaskKind::as_str));
    params.finish()?;
    let statuses = match statuses.as_deref().and_then(TaskStatus::parse) {
        Some(TaskStatus::Failed) => vec![TaskStatus::Failed, TaskStatus::Cancelled],
        one => one.into_iter().collect(),
    };
    let filter = TaskFilter {
        organisation: view.organisation,
        application: view.only_application(),
        kind: kind.as_deref().and_then(TaskKind::parse),
        statuses,
    };
    let mut slice = page::slice(&cursor, limit);
    if order == Order::Ascending {
        slice.direction = match slice.direction {
            Direction::Older => Direction::Newer,
            Direction::Newer => Direction::Older,
        };
    }
    let found: Found<Task, TaskId> = api.store.read(move |reader| reader.tasks(&filter, &slice)).await?;
    let mut page = page::listed(found, |it: &Task| it.id, &cursor);
    if let (Order::Ascending, true, Cursor::After(edge)) = (order, page.data.is_empty(), &cursor) {
        page.prev_iterator = Cursor::Before(TaskId(Key(edge.0.0 + 1))).encode();
    }
    let Page { data, iterator, prev_iterator, done } = page;
    let data: Vec<TaskOut> = data.iter().map(|it| out(api.store.ids(), it)).collect();
    Ok(Answer::json(StatusCode::OK, &Page { data, iterator, prev_iterator, done }))
}

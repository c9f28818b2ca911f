//! One attempt from start to report: message, signature, request, decision. The decision is
//! [`semnal_core::delivery::next`]; this only acts on it.

use std::sync::Arc;
use std::time::Duration;

use semnal_core::attempt::{AttemptEnd, AttemptResult, Cause};
use semnal_core::delivery::{DeliveryEvent, DeliveryState, EndpointAdvice, Transition, next};
use semnal_core::id::{AttemptId, IdKind};
use semnal_core::name::EventTypeName;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::{Outcome, Verdict};

use crate::destination::Envelope;
use crate::engine::Inner;
use crate::scheduler::work::{Finish, Job};

/// A lane whose message cannot be read rests for 60 s: the trouble is ours, and hurrying does not help.
const UNREADABLE_REST: Duration = Duration::from_secs(60);

/// A lane that found no connection free rests for 5 s: others need the places as well.
const NO_CONNECTION_REST: Duration = Duration::from_secs(5);

/// What came of a job.
enum Ended {
    Attempted(Box<Attempted>),
    /// The endpoint was deleted meanwhile, or the message has nothing left to send.
    Stopped,
    /// The message could not be read.
    Unreadable,
}

/// An attempt that was made.
struct Attempted {
    result: AttemptResult,
    started_at: UnixMillis,
    event_type: EventTypeName,
    is_test: bool,
}

/// Works on one job after the other until there is none.
pub(crate) async fn work(inner: Arc<Inner>, first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        let ended = attempt(&inner, &job).await;
        next = inner.finish(&job, |inner, job, now| settle(inner, job, ended, now));
    }
}

async fn attempt(inner: &Arc<Inner>, job: &Job) -> Ended {
    let send = async {
        let message = match &job.item.message {
            Some(message) => message.clone(),
            None => match read_message(inner, job).await {
                Ok(Some(message)) => message,
                // It was expunged or its retention passed; the store is about to say so.
                Ok(None) => return Ended::Stopped,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(
                        error,
                        endpoint.key = job.destination.endpoint.id.0.0,
                        "a message cannot be read"
                    );
                    return Ended::Unreadable;
                }
            },
        };
        let started_at = inner.clock.now();
        let id = inner.cipher.encode(IdKind::Message, message.application.partition(), message.id.0);
        let attempt = job.item.progress.attempts.saturating_add(1);
        let envelope = Envelope { message: &message, message_id: &id, attempt };
        let result = job.destination.send(&inner.transport, &envelope, started_at).await;
        let (event_type, is_test) = (message.event_type.clone(), message.is_test());
        Ended::Attempted(Box::new(Attempted { result, started_at, event_type, is_test }))
    };
    tokio::select! {
        biased;
        () = job.stop.cancelled() => Ended::Stopped,
        ended = send => ended,
    }
}

/// Returns the message with its payload; `None` when either is gone. Invariant: an empty body is never sent.
async fn read_message(inner: &Arc<Inner>, job: &Job) -> Result<Option<Arc<Message>>, StoreError> {
    let id = job.item.delivery.message;
    let found = inner.store().read(move |reader| reader.message(id)).await?;
    Ok(found.filter(|message| !message.payload_is_gone()).map(Arc::new))
}

/// Decides and tells the scheduler, which is locked meanwhile.
fn settle(inner: &Arc<Inner>, job: &Job, ended: Ended, now: UnixMillis) {
    let mut scheduler = inner.scheduler.lock();
    let endpoint = job.destination.endpoint.id;
    match ended {
        Ended::Attempted(attempted) if is_ours(&attempted.result.end) => {
            tracing::warn!(endpoint.key = endpoint.0.0, "no connection was free; the delivery is put back");
            scheduler.put_back(endpoint, &job.item, now + NO_CONNECTION_REST, now);
        }
        Ended::Attempted(attempted) => {
            let Attempted { result, started_at, event_type, is_test } = *attempted;
            let (state, event) =
                (DeliveryState::Pending(job.item.progress), DeliveryEvent::AttemptEnded(&result));
            let jitter = inner.randomness.jitter();
            // A success follows no schedule.
            let failed = (!result.end.is_success()).then_some(&event_type);
            let once = RetrySchedule::once();
            let schedule = if is_test { &once } else { scheduler.schedule(&job.destination, failed) };
            let transition = next(state, event, schedule, now, jitter);
            let finish = finish_of(&transition, result.end.is_success());
            let progress = transition.state.progress();
            let has_row = job.item.has_row;
            let outcome = Arc::new(outcome_of(job, result, &transition, started_at));
            scheduler.finish(outcome, progress, has_row, finish, now);
            if finish == Finish::Gone {
                inner.disable_gone(&job.destination.endpoint);
            }
        }
        Ended::Stopped => scheduler.abandoned(endpoint, job.item.delivery, job.item.has_row, now),
        Ended::Unreadable => scheduler.put_back(endpoint, &job.item, now + UNREADABLE_REST, now),
    }
}

/// Tells whether an attempt could not be made for a reason of ours: it is none of the delivery's (DESIGN 5).
fn is_ours(end: &AttemptEnd) -> bool {
    matches!(end, AttemptEnd::Failed { cause: Cause::NoFreeConnection, .. })
}

fn finish_of(transition: &Transition, success: bool) -> Finish {
    match transition.endpoint {
        EndpointAdvice::Disable => Finish::Gone,
        EndpointAdvice::SlowDown { until } => Finish::SlowDown(until),
        EndpointAdvice::Continue if success => Finish::Success,
        EndpointAdvice::Continue => Finish::Failure,
    }
}

fn outcome_of(job: &Job, result: AttemptResult, transition: &Transition, started_at: UnixMillis) -> Outcome {
    let verdict = match (transition.state, transition.due_at) {
        (DeliveryState::Delivered(_), _) => Verdict::Delivered,
        (DeliveryState::Pending(_), Some(at)) => Verdict::RetryAt(at),
        (DeliveryState::Held(_) | DeliveryState::Pending(_), _) => Verdict::Held,
        (DeliveryState::Failed(_) | DeliveryState::Cancelled(_) | DeliveryState::Expired(_), _) => {
            Verdict::Exhausted
        }
    };
    let number = transition.state.progress().attempts;
    Outcome {
        id: AttemptId { delivery: job.item.delivery, number },
        endpoint: job.destination.endpoint.id,
        url: job.destination.endpoint.url.clone(),
        started_at,
        end: result.end,
        verdict,
        trigger: job.item.trigger,
        address: result.address,
        phases: result.phases,
        response_headers: result.response_headers,
        response_body: result.response_body,
        response_truncated: result.response_truncated,
    }
}

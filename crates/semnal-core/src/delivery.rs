//! The delivery state machine: one function of (state, event, schedule, now, jitter). docs/state-machine.md draws it.
//!
//! The engine calls [`next`] with the end of an attempt, the store with what people and configuration do. Nobody else
//! decides what becomes of a delivery.

use std::time::Duration;

use crate::attempt::AttemptResult;
use crate::retry::{RetrySchedule, parse_retry_after};
use crate::time::UnixMillis;

/// 10 s of rest for an endpoint that answers 429, 502, 503 or 504 without saying how long.
pub const SLOW_DOWN_DEFAULT: Duration = Duration::from_secs(10);
/// A delivery has at most 60,000 attempts, manual ones included: its number is 16 bits wide.
pub const ATTEMPTS_MAX: u16 = 60_000;

/// What a delivery is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// An attempt will be made: now, or when it is due.
    Pending(Progress),
    /// Pending, and its endpoint is paused or disabled: it waits without a time until the endpoint is active.
    Held(Progress),
    /// The receiver took it.
    Delivered(Progress),
    /// Every attempt of the schedule failed.
    Failed(Progress),
    /// A person cancelled it or expunged its message, or its endpoint was deleted.
    Cancelled(Progress),
    /// The retention of its payload passed before the receiver took it.
    Expired(Progress),
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Progress {
    /// Attempts made so far, manual ones included.
    pub attempts: u16,
    /// Position in the retry schedule; a resend sets it back to 0.
    pub step: u16,
}

/// What happens to a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeliveryEvent<'a> {
    /// An attempt ended.
    AttemptEnded(&'a AttemptResult),
    /// A person asks for it to be sent again.
    Resent,
    /// The endpoint was paused or disabled.
    EndpointHolds,
    /// A person cancelled it or expunged its message, or the endpoint was deleted.
    Cancelled,
    /// The retention of the payload passed.
    Expired,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// The new state.
    pub state: DeliveryState,
    /// When the next attempt is due; only for `Pending`.
    pub due_at: Option<UnixMillis>,
    /// What the endpoint as a whole should do about it.
    pub endpoint: EndpointAdvice,
}

/// What an attempt's end means for its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointAdvice {
    /// Nothing.
    Continue,
    /// Start no attempt before this time and fewer at once afterwards (429, 502, 503, 504).
    SlowDown {
        /// The time.
        until: UnixMillis,
    },
    /// The receiver says that it is gone for good (410): disable the endpoint.
    Disable,
}

/// Returns what becomes of a delivery. An event that does not fit the state changes nothing: an outcome that arrives
/// after a cancellation is recorded by the caller but does not revive the delivery.
///
/// `jitter` is in 0..1.
pub fn next(
    state: DeliveryState,
    event: DeliveryEvent<'_>,
    schedule: &RetrySchedule,
    now: UnixMillis,
    jitter: f64,
) -> Transition {
    use DeliveryState as S;
    let stay = Transition { state, due_at: None, endpoint: EndpointAdvice::Continue };
    match (state, event) {
        (S::Pending(progress) | S::Held(progress), DeliveryEvent::AttemptEnded(result)) => {
            after_attempt(progress, result, schedule, now, jitter)
        }
        (
            S::Delivered(progress) | S::Failed(progress) | S::Cancelled(progress) | S::Expired(progress),
            DeliveryEvent::AttemptEnded(_),
        ) => Transition { state: with_progress(state, counted(progress)), ..stay },
        (_, DeliveryEvent::Resent) => {
            let progress = Progress { step: 0, ..state.progress() };
            Transition { state: S::Pending(progress), due_at: Some(now), ..stay }
        }
        (S::Pending(progress), DeliveryEvent::EndpointHolds) => {
            Transition { state: S::Held(progress), ..stay }
        }
        (S::Pending(progress) | S::Held(progress), DeliveryEvent::Cancelled) => {
            Transition { state: S::Cancelled(progress), ..stay }
        }
        (S::Pending(progress) | S::Held(progress), DeliveryEvent::Expired) => {
            Transition { state: S::Expired(progress), ..stay }
        }
        (_, DeliveryEvent::EndpointHolds | DeliveryEvent::Cancelled | DeliveryEvent::Expired) => stay,
    }
}

fn after_attempt(
    progress: Progress,
    result: &AttemptResult,
    schedule: &RetrySchedule,
    now: UnixMillis,
    jitter: f64,
) -> Transition {
    let counted = counted(progress);
    if result.end.is_success() {
        let state = DeliveryState::Delivered(counted);
        return Transition { state, due_at: None, endpoint: EndpointAdvice::Continue };
    }
    let status = result.end.status();
    if status == Some(410) {
        // Disabling keeps the backlog (invariant 7), this delivery included: it is tried again if a person enables
        // the endpoint.
        let state = DeliveryState::Held(counted);
        return Transition { state, due_at: None, endpoint: EndpointAdvice::Disable };
    }
    let wish = match status {
        Some(429 | 503) => result.header("retry-after").and_then(|value| parse_retry_after(value, now)),
        _ => None,
    };
    let endpoint = match status {
        Some(429 | 502 | 503 | 504) => {
            EndpointAdvice::SlowDown { until: now + wish.unwrap_or(SLOW_DOWN_DEFAULT) }
        }
        _ => EndpointAdvice::Continue,
    };
    match schedule.wait_after(progress.step, jitter) {
        Some(wait) if counted.attempts < ATTEMPTS_MAX => {
            let next = Progress { step: progress.step + 1, ..counted };
            Transition {
                state: DeliveryState::Pending(next),
                due_at: Some(now + wish.unwrap_or(wait)),
                endpoint,
            }
        }
        _ => Transition { state: DeliveryState::Failed(counted), due_at: None, endpoint },
    }
}

fn counted(progress: Progress) -> Progress {
    Progress { attempts: progress.attempts.saturating_add(1), ..progress }
}

fn with_progress(state: DeliveryState, progress: Progress) -> DeliveryState {
    match state {
        DeliveryState::Pending(_) => DeliveryState::Pending(progress),
        DeliveryState::Held(_) => DeliveryState::Held(progress),
        DeliveryState::Delivered(_) => DeliveryState::Delivered(progress),
        DeliveryState::Failed(_) => DeliveryState::Failed(progress),
        DeliveryState::Cancelled(_) => DeliveryState::Cancelled(progress),
        DeliveryState::Expired(_) => DeliveryState::Expired(progress),
    }
}

impl DeliveryState {
    /// Returns how far it has come.
    pub fn progress(self) -> Progress {
        match self {
            DeliveryState::Pending(p)
            | DeliveryState::Held(p)
            | DeliveryState::Delivered(p)
            | DeliveryState::Failed(p)
            | DeliveryState::Cancelled(p)
            | DeliveryState::Expired(p) => p,
        }
    }

    /// Tells whether nothing more will happen by itself.
    pub fn is_decided(self) -> bool {
        !matches!(self, DeliveryState::Pending(_) | DeliveryState::Held(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{AttemptEnd, Cause, Phases};
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const PENDING: DeliveryState = DeliveryState::Pending(Progress { attempts: 0, step: 0 });

    fn answered(status: u16, headers: &[(&str, &str)]) -> AttemptResult {
        let mut result = AttemptResult::failed(Cause::ConnectionClosed, "", Phases::default());
        result.end = AttemptEnd::Answered(status);
        result.response_headers =
            headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
        result
    }

    fn after(result: &AttemptResult) -> Transition {
        next(PENDING, DeliveryEvent::AttemptEnded(result), &RetrySchedule::default(), NOW, 0.5)
    }

    #[test]
    fn a_2xx_delivers() {
        for status in [200, 201, 204, 299] {
            assert!(matches!(after(&answered(status, &[])).state, DeliveryState::Delivered(_)), "{status}");
        }
    }

    #[test]
    fn a_302_is_not_a_delivery() {
        let transition = after(&answered(302, &[("location", "https://example.com/")]));
        assert_eq!(transition.state, DeliveryState::Pending(Progress { attempts: 1, step: 1 }));
        assert_eq!(transition.due_at, Some(NOW + Duration::from_secs(5)));
    }

    #[test]
    fn a_410_disables_the_endpoint_and_holds_the_delivery() {
        let transition = after(&answered(410, &[]));
        assert!(matches!(transition.state, DeliveryState::Held(_)));
        assert_eq!(transition.endpoint, EndpointAdvice::Disable);
    }

    #[test]
    fn retry_after_moves_the_next_attempt_and_slows_the_endpoint() {
        for status in [429, 503] {
            let transition = after(&answered(status, &[("Retry-After", "120")]));
            assert_eq!(transition.due_at, Some(NOW + Duration::from_secs(120)));
            assert_eq!(
                transition.endpoint,
                EndpointAdvice::SlowDown { until: NOW + Duration::from_secs(120) }
            );
        }
        let ignored = after(&answered(500, &[("Retry-After", "120")]));
        assert_eq!(ignored.due_at, Some(NOW + Duration::from_secs(5)));
        assert_eq!(ignored.endpoint, EndpointAdvice::Continue);
    }

    #[test]
    fn gateway_errors_slow_the_endpoint() {
        for status in [502, 504] {
            let transition = after(&answered(status, &[]));
            assert_eq!(transition.endpoint, EndpointAdvice::SlowDown { until: NOW + SLOW_DOWN_DEFAULT });
        }
    }

    #[test]
    fn a_resend_reopens_a_decided_delivery_and_starts_its_schedule_again() {
        let failed = DeliveryState::Failed(Progress { attempts: 16, step: 15 });
        let transition = next(failed, DeliveryEvent::Resent, &RetrySchedule::default(), NOW, 0.5);
        assert_eq!(transition.state, DeliveryState::Pending(Progress { attempts: 16, step: 0 }));
        assert_eq!(transition.due_at, Some(NOW));
    }

    #[test]
    fn an_outcome_after_a_cancellation_revives_nothing() {
        let cancelled = DeliveryState::Cancelled(Progress { attempts: 1, step: 1 });
        let result = answered(500, &[]);
        let transition =
            next(cancelled, DeliveryEvent::AttemptEnded(&result), &RetrySchedule::default(), NOW, 0.5);
        assert_eq!(transition.state, DeliveryState::Cancelled(Progress { attempts: 2, step: 1 }));
    }

    #[test]
    fn only_undecided_work_is_cancelled_or_expires() {
        let progress = Progress { attempts: 2, step: 2 };
        let check = |state: DeliveryState, event: DeliveryEvent<'_>, expected: DeliveryState| {
            let transition = next(state, event, &RetrySchedule::default(), NOW, 0.5);
            assert_eq!((transition.state, transition.due_at), (expected, None), "{state:?} {event:?}");
        };
        let (cancelled, expired) = (DeliveryState::Cancelled(progress), DeliveryState::Expired(progress));
        for state in [DeliveryState::Pending(progress), DeliveryState::Held(progress)] {
            check(state, DeliveryEvent::Cancelled, cancelled);
            check(state, DeliveryEvent::Expired, expired);
        }
        let decided =
            [DeliveryState::Delivered(progress), DeliveryState::Failed(progress), cancelled, expired];
        for state in decided {
            check(state, DeliveryEvent::Cancelled, state);
            check(state, DeliveryEvent::Expired, state);
        }
    }

    proptest! {
        #[test]
        fn a_receiver_that_always_fails_is_given_up_after_the_schedule(
            waits in proptest::collection::vec(1u64..100_000, 0..20),
            statuses in proptest::collection::vec(prop_oneof![Just(500u16), Just(302), Just(404), Just(429), Just(503)], 25),
            jitter in 0.0f64..1.0,
        ) {
            let text = waits.iter().map(|w| format!("{w}ms")).collect::<Vec<_>>().join(",");
            let schedule = RetrySchedule::parse(&text).unwrap();
            let (mut state, mut now, mut attempts) = (PENDING, NOW, 0);
            while let DeliveryState::Pending(_) = state {
                let result = answered(statuses[attempts], &[]);
                let transition = next(state, DeliveryEvent::AttemptEnded(&result), &schedule, now, jitter);
                attempts += 1;
                prop_assert_eq!(transition.state.progress().attempts as usize, attempts);
                if let Some(due_at) = transition.due_at {
                    prop_assert!(due_at >= now);
                    now = due_at;
                }
                state = transition.state;
            }
            prop_assert!(matches!(state, DeliveryState::Failed(_)));
            prop_assert_eq!(attempts, schedule.attempts());
        }

        #[test]
        fn only_pending_has_a_due_time(status in 100u16..600, attempts in 0u16..20, held: bool, jitter in 0.0f64..1.0) {
            let progress = Progress { attempts, step: attempts };
            let state = if held { DeliveryState::Held(progress) } else { DeliveryState::Pending(progress) };
            let result = answered(status, &[]);
            let transition = next(state, DeliveryEvent::AttemptEnded(&result), &RetrySchedule::default(), NOW, jitter);
            prop_assert_eq!(transition.due_at.is_some(), matches!(transition.state, DeliveryState::Pending(_)));
            prop_assert_eq!(matches!(transition.state, DeliveryState::Delivered(_)), (200..300).contains(&status));
        }
    }
}

//! Whether an endpoint does nothing but fail, and what follows: it is disabled, and a success brings it back.
//! docs/state-machine.md draws it.
//!
//! The store's writer calls [`after_attempt`] for each attempt that ended and keeps what it returns in a row of its
//! own, in the transaction of the attempt; nobody else decides about it.

use std::time::Duration;

use crate::attempt::AttemptEnd;
use crate::endpoint::{DisabledReason, Endpoint, EndpointState};
use crate::time::UnixMillis;

/// 5 days of nothing but failure disable an endpoint (DESIGN 5).
pub const DISABLE_AFTER_DEFAULT: Duration = Duration::from_secs(5 * 86_400);
/// One hour between two probes of an endpoint that is disabled for failing.
pub const PROBE_INTERVAL_DEFAULT: Duration = Duration::from_secs(3_600);
/// 5 attempts at least must have failed: an endpoint that gets one event a week is not given up after the second.
pub const FAILURES_MIN: u8 = 5;

/// An endpoint that has failed and not succeeded since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// When the first attempt started that failed after the last success.
    pub since: UnixMillis,
    /// How many attempts failed since then; it is not counted beyond [`FAILURES_MIN`].
    pub failures: u8,
}

/// What an attempt's end means for its endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// What is known about its failing from now on; `None` when its last attempt succeeded.
    pub failing: Option<Failing>,
    /// What to do with the endpoint.
    pub advice: HealthAdvice,
}

/// What to do with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthAdvice {
    /// Nothing.
    Continue,
    /// It failed for too long: disable it for failing.
    Disable,
    /// It was disabled for failing and took a message: make it active.
    Enable,
}

/// An attempt that ended.
#[derive(Debug, Clone, Copy)]
pub struct EndedAttempt<'a> {
    /// When it started.
    pub started_at: UnixMillis,
    /// How it ended.
    pub end: &'a AttemptEnd,
}

/// Judges an endpoint's health after an attempt. Failures that are ours do not count, and an endpoint is disabled only
/// while it is active, when at least [`FAILURES_MIN`] attempts failed and the last of them started `disable_after` or
/// more after the first; `None` disables no endpoint.
pub fn after_attempt(
    state: EndpointState,
    failing: Option<Failing>,
    attempt: EndedAttempt<'_>,
    disable_after: Option<Duration>,
) -> Health {
    let EndedAttempt { started_at, end } = attempt;
    if end.is_success() {
        let was_disabled = state == EndpointState::Disabled(DisabledReason::Failing);
        let advice = if was_disabled { HealthAdvice::Enable } else { HealthAdvice::Continue };
        return Health { failing: None, advice };
    }
    if !end.is_receivers_failure() {
        return Health { failing, advice: HealthAdvice::Continue };
    }
    let before = failing.unwrap_or(Failing { since: started_at, failures: 0 });
    let failing = Failing { failures: (before.failures + 1).min(FAILURES_MIN), ..before };
    let too_long = disable_after.is_some_and(|limit| started_at.since(failing.since) >= limit);
    // A 410 disables the endpoint by itself, with a better reason.
    let disable = too_long
        && failing.failures >= FAILURES_MIN
        && state == EndpointState::Active
        && end.status() != Some(410);
    let advice = if disable { HealthAdvice::Disable } else { HealthAdvice::Continue };
    Health { failing: Some(failing), advice }
}

/// Tells whether a change of an endpoint makes what is known about its failing void: it is sent to again after a pause,
/// in which it could not succeed, or it leads elsewhere.
pub fn starts_afresh(old: &Endpoint, new: &Endpoint) -> bool {
    (old.state.holds() && !new.state.holds()) || old.url != new.url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Cause;
    use proptest::prelude::*;

    const ACTIVE: EndpointState = EndpointState::Active;
    const FAILED: EndpointState = EndpointState::Disabled(DisabledReason::Failing);
    const LIMIT: Option<Duration> = Some(Duration::from_millis(100));

    fn status(status: u16) -> AttemptEnd {
        AttemptEnd::Answered(status)
    }

    /// Judges attempts at these times, and says what was advised at each.
    fn check(state: EndpointState, attempts: &[(i64, u16)], expected: &[HealthAdvice]) -> Option<Failing> {
        let mut failing = None;
        let advised: Vec<HealthAdvice> = attempts
            .iter()
            .map(|(at, code)| {
                let attempt = EndedAttempt { started_at: UnixMillis(*at), end: &status(*code) };
                let health = after_attempt(state, failing, attempt, LIMIT);
                failing = health.failing;
                health.advice
            })
            .collect();
        assert_eq!(advised, expected);
        failing
    }

    use HealthAdvice::{Continue, Disable, Enable};

    #[test]
    fn nothing_but_failure_for_long_disables() {
        let attempts = [(0, 500), (10, 500), (20, 302), (50, 404), (99, 500), (100, 500)];
        check(ACTIVE, &attempts, &[Continue, Continue, Continue, Continue, Continue, Disable]);
    }

    #[test]
    fn four_failures_are_too_few_however_long_they_took() {
        let attempts = [(0, 500), (1_000, 500), (2_000, 500), (3_000, 500), (4_000, 500)];
        let failing = check(ACTIVE, &attempts, &[Continue, Continue, Continue, Continue, Disable]);
        assert_eq!(failing, Some(Failing { since: UnixMillis(0), failures: 5 }));
    }

    #[test]
    fn it_counts_from_the_first_failure_after_the_last_success() {
        let attempts = [(0, 500), (10, 500), (20, 500), (30, 500), (90, 200), (101, 500), (150, 500)];
        let failing = check(ACTIVE, &attempts, &[Continue; 7]);
        assert_eq!(failing, Some(Failing { since: UnixMillis(101), failures: 2 }));
    }

    #[test]
    fn only_an_active_endpoint_is_disabled_and_a_410_has_a_reason_of_its_own() {
        let attempts: Vec<(i64, u16)> = (0..10).map(|n| (n * 100, 500)).collect();
        check(EndpointState::Paused, &attempts, &[Continue; 10]);
        check(FAILED, &attempts, &[Continue; 10]);
        let gone: Vec<(i64, u16)> = (0..10).map(|n| (n * 100, 410)).collect();
        check(ACTIVE, &gone, &[Continue; 10]);
    }

    #[test]
    fn a_success_enables_what_is_disabled_for_failing_and_nothing_else() {
        assert_eq!(check(FAILED, &[(0, 500), (1, 204)], &[Continue, Enable]), None);
        check(EndpointState::Disabled(DisabledReason::Requested), &[(0, 200)], &[Continue]);
        check(EndpointState::Disabled(DisabledReason::Gone), &[(0, 200)], &[Continue]);
        check(EndpointState::Paused, &[(0, 200)], &[Continue]);
    }

    #[test]
    fn without_a_limit_no_endpoint_is_disabled() {
        let failing = Some(Failing { since: UnixMillis(0), failures: FAILURES_MIN });
        let attempt = EndedAttempt { started_at: UnixMillis::MAX, end: &status(500) };
        assert_eq!(after_attempt(ACTIVE, failing, attempt, None).advice, Continue);
    }

    proptest! {
        #[test]
        fn our_own_failures_change_nothing(
            since in 0i64..1_000, failures in 1u8..=FAILURES_MIN, at in 0i64..10_000, known: bool,
        ) {
            let failing = known.then_some(Failing { since: UnixMillis(since), failures });
            for cause in [Cause::NoFreeConnection, Cause::UrlDenied] {
                let end = AttemptEnd::Failed { cause, detail: String::new() };
                let attempt = EndedAttempt { started_at: UnixMillis(at), end: &end };
                let health = after_attempt(ACTIVE, failing, attempt, LIMIT);
                prop_assert_eq!(health, Health { failing, advice: Continue });
            }
        }

        #[test]
        fn whoever_succeeds_now_and_then_is_never_disabled(
            waits in proptest::collection::vec(1i64..100, 1..200),
            successes in proptest::collection::vec(any::<bool>(), 200),
        ) {
            let (mut failing, mut now, mut since_success) = (None, 0, 0);
            for (wait, success) in waits.into_iter().zip(successes) {
                now += wait;
                since_success += wait;
                let success = success || since_success > 90;
                if success { since_success = 0; }
                let end = status(if success { 200 } else { 500 });
                let attempt = EndedAttempt { started_at: UnixMillis(now), end: &end };
                let health = after_attempt(ACTIVE, failing, attempt, LIMIT);
                prop_assert_eq!(health.advice, Continue);
                failing = health.failing;
            }
        }
    }
}

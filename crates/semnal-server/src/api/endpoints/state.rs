//! From `disabled` and `paused` as a client gives them to the one state that an endpoint has.

use semnal_core::endpoint::{DisabledReason, EndpointState};

/// Returns the state that an endpoint has after a change. Disabled is the stronger of the two; one that is disabled
/// already keeps its reason.
pub(super) fn after(current: EndpointState, disabled: Option<bool>, paused: Option<bool>) -> EndpointState {
    let is_disabled = matches!(current, EndpointState::Disabled(_));
    match disabled.unwrap_or(is_disabled) {
        true if is_disabled => current,
        true => EndpointState::Disabled(DisabledReason::Requested),
        false if paused.unwrap_or(current == EndpointState::Paused) => EndpointState::Paused,
        false => EndpointState::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabled_is_stronger_than_paused() {
        use EndpointState::{Active, Disabled, Paused};
        const REQUESTED: EndpointState = Disabled(DisabledReason::Requested);
        const GONE: EndpointState = Disabled(DisabledReason::Gone);
        let check =
            |current, disabled, paused, expected| assert_eq!(after(current, disabled, paused), expected);
        check(Active, None, None, Active);
        check(Active, Some(true), None, REQUESTED);
        check(Active, Some(true), Some(true), REQUESTED);
        check(Active, None, Some(true), Paused);
        check(Active, Some(false), Some(true), Paused);
        check(Paused, None, None, Paused);
        check(Paused, Some(false), None, Paused);
        check(Paused, Some(false), Some(false), Active);
        check(Paused, None, Some(false), Active);
        check(GONE, None, None, GONE);
        check(GONE, Some(true), None, GONE);
        check(GONE, None, Some(false), GONE);
        check(GONE, Some(false), None, Active);
        check(REQUESTED, Some(false), Some(true), Paused);
    }
}

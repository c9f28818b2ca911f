//! Tokens of an application's portal: what their bearer may do, and which of them are revoked.
//!
//! A token is signed, not stored; what is stored is which tokens count no longer. So making one costs no write, and a
//! revocation is a row that lives as long as the tokens that it refuses.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::{ApplicationId, Key};
use crate::time::UnixMillis;

/// 7 days: no token of a portal lives longer (Svix API).
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// An application has 1,000 revocations at most; then the older half becomes one that refuses every token so old.
pub const REVOCATIONS_MAX: usize = 1_000;

/// What the bearer of a token may do. The names are those of the Svix API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Read endpoints without their secrets, messages, attempts and event types. Every token has it.
    ViewBase,
    /// Read the secret of an endpoint.
    ViewEndpointSecret,
    /// Read and rotate the secret of an endpoint.
    ManageEndpointSecret,
    /// Change transformations. There are none; a token may have it.
    ManageTransformations,
    /// Send again, and send examples.
    CreateAttempts,
    /// Make, change and delete endpoints, their secrets included.
    ManageEndpoint,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Capability; 6] = [
        Capability::ViewBase,
        Capability::ViewEndpointSecret,
        Capability::ManageEndpointSecret,
        Capability::ManageTransformations,
        Capability::CreateAttempts,
        Capability::ManageEndpoint,
    ];

    /// Returns its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::ViewBase => "ViewBase",
            Capability::ViewEndpointSecret => "ViewEndpointSecret",
            Capability::ManageEndpointSecret => "ManageEndpointSecret",
            Capability::ManageTransformations => "ManageTransformations",
            Capability::CreateAttempts => "CreateAttempts",
            Capability::ManageEndpoint => "ManageEndpoint",
        }
    }

    /// Returns the capability of a name.
    pub fn parse(text: &str) -> Option<Capability> {
        Capability::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Tells whether whoever has this one may do what `wanted` names.
    pub fn includes(self, wanted: Capability) -> bool {
        use Capability::{ManageEndpoint, ManageEndpointSecret, ViewBase, ViewEndpointSecret};
        self == wanted
            || wanted == ViewBase
            || matches!(
                (self, wanted),
                (ManageEndpoint, ViewEndpointSecret | ManageEndpointSecret)
                    | (ManageEndpointSecret, ViewEndpointSecret)
            )
    }
}

/// Which tokens of an application are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Grows; its time is when it was asked for. Tokens issued after it are not concerned.
    pub position: Key,
    /// Whose tokens.
    pub application: ApplicationId,
    /// Which of them.
    pub tokens: Revoked,
    /// They are refused from this time on.
    pub from: UnixMillis,
    /// From when on none of them would be valid anyway; `None` when some may live for ever.
    pub until: Option<UnixMillis>,
}

/// Which of an application's tokens a revocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// All that had been issued.
    All,
    /// Those of a session that had been issued.
    Session(String),
    /// The one with this keyed hash.
    One([u8; 16]),
}

/// A token as far as its revocation is concerned.
#[derive(Debug, Clone, Copy)]
pub struct IssuedToken<'a> {
    /// When it was issued; `None` when it does not say.
    pub issued: Option<Key>,
    /// The session that it belongs to.
    pub session: Option<&'a str>,
    /// Its keyed hash.
    pub fingerprint: [u8; 16],
}

impl Revocation {
    /// Tells whether it refuses a token. One that does not say when it was issued counts as old.
    pub fn refuses(&self, token: &IssuedToken<'_>, now: UnixMillis) -> bool {
        let issued_before = token.issued.is_none_or(|issued| issued <= self.position);
        now >= self.from
            && match &self.tokens {
                Revoked::All => issued_before,
                Revoked::Session(session) => issued_before && token.session == Some(session.as_str()),
                Revoked::One(fingerprint) => token.fingerprint == *fingerprint,
            }
    }

    /// Tells whether it refuses nothing any more.
    pub fn is_over(&self, now: UnixMillis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The revocations of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations(BTreeMap<Key, Revocation>);

impl Revocations {
    /// Tells whether a token is refused.
    pub fn refuse(&self, token: &IssuedToken<'_>, now: UnixMillis) -> bool {
        self.0.values().any(|it| it.refuses(token, now))
    }

    /// Returns all of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.0.values()
    }

    pub(crate) fn add(&mut self, it: Revocation) {
        self.0.insert(it.position, it);
    }

    pub(crate) fn forget(&mut self, position: Key) {
        self.0.remove(&position);
    }

    /// Returns which of them to forget, and which to add instead, before `new` is added at `now`: those that are over,
    /// those that it covers, and, when there are too many, the older half for one that refuses all that was issued up
    /// to there. That one refuses more than was asked for: a lost link is better than one that opens again.
    pub fn make_room(&self, new: &Revocation, now: UnixMillis) -> (Vec<Key>, Option<Revocation>) {
        let covered = |it: &Revocation| {
            new.tokens == Revoked::All && !matches!(it.tokens, Revoked::One(_)) && it.from >= new.from
        };
        let (gone, kept): (Vec<_>, Vec<_>) = self.0.values().partition(|it| it.is_over(now) || covered(it));
        let mut forget: Vec<Key> = gone.iter().map(|it| it.position).collect();
        if kept.len() < REVOCATIONS_MAX {
            return (forget, None);
        }
        let older = &kept[..kept.len() / 2];
        forget.extend(older.iter().map(|it| it.position));
        let last = older.last().map(|it| Revocation {
            position: it.position,
            application: it.application,
            tokens: Revoked::All,
            from: now,
            until: None,
        });
        (forget, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn revocation(position: i64, tokens: Revoked) -> Revocation {
        let application = ApplicationId(Key(1));
        Revocation { position: Key(position), application, tokens, from: NOW, until: None }
    }

    fn token(issued: Option<i64>, session: Option<&str>, fingerprint: u8) -> IssuedToken<'_> {
        IssuedToken { issued: issued.map(Key), session, fingerprint: [fingerprint; 16] }
    }

    #[test]
    fn a_revocation_refuses_what_was_issued_before_it() {
        let check = |tokens: Revoked, token: IssuedToken<'_>, expected: bool| {
            assert_eq!(revocation(10, tokens.clone()).refuses(&token, NOW), expected, "{tokens:?} {token:?}");
        };
        check(Revoked::All, token(Some(10), None, 1), true);
        check(Revoked::All, token(Some(11), None, 1), false);
        check(Revoked::All, token(None, None, 1), true);
        check(Revoked::Session("a".into()), token(Some(9), Some("a"), 1), true);
        check(Revoked::Session("a".into()), token(Some(11), Some("a"), 1), false);
        check(Revoked::Session("a".into()), token(Some(9), Some("b"), 1), false);
        check(Revoked::Session("a".into()), token(Some(9), None, 1), false);
        check(Revoked::One([1; 16]), token(Some(11), None, 1), true);
        check(Revoked::One([1; 16]), token(Some(9), None, 2), false);
        let later = Revocation { from: UnixMillis(NOW.0 + 1), ..revocation(10, Revoked::All) };
        assert!(!later.refuses(&token(Some(9), None, 1), NOW));
        assert!(later.refuses(&token(Some(9), None, 1), UnixMillis(NOW.0 + 1)));
    }

    #[test]
    fn what_refuses_nothing_any_more_is_forgotten() {
        let mut all = Revocations::default();
        all.add(Revocation { until: Some(NOW), ..revocation(1, Revoked::One([1; 16])) });
        all.add(revocation(2, Revoked::One([2; 16])));
        all.add(revocation(3, Revoked::Session("a".into())));
        all.add(revocation(4, Revoked::All));
        let new = revocation(5, Revoked::One([3; 16]));
        assert_eq!(all.make_room(&new, NOW), (vec![Key(1)], None));
        let new = revocation(5, Revoked::All);
        assert_eq!(all.make_room(&new, NOW), (vec![Key(1), Key(3), Key(4)], None));
    }

    #[test]
    fn too_many_revocations_become_one_that_refuses_more() {
        let mut all = Revocations::default();
        for position in 0..1_000 {
            all.add(revocation(position, Revoked::One([7; 16])));
        }
        let (forget, instead) = all.make_room(&revocation(1_000, Revoked::One([8; 16])), NOW);
        assert_eq!(forget.len(), REVOCATIONS_MAX / 2);
        let instead = instead.unwrap();
        assert_eq!((instead.position, &instead.tokens), (Key(499), &Revoked::All));
        assert!(instead.refuses(&token(Some(499), None, 1), NOW));
    }

    #[test]
    fn a_capability_includes_the_weaker_ones() {
        use Capability as C;
        let check =
            |has: C, wants: C, expected| assert_eq!(has.includes(wants), expected, "{has:?} {wants:?}");
        check(C::ManageEndpoint, C::ViewEndpointSecret, true);
        check(C::ManageEndpoint, C::ManageEndpointSecret, true);
        check(C::ManageEndpoint, C::CreateAttempts, false);
        check(C::ManageEndpointSecret, C::ViewEndpointSecret, true);
        check(C::ManageEndpointSecret, C::ManageEndpoint, false);
        check(C::ViewEndpointSecret, C::ViewBase, true);
        check(C::ViewBase, C::ViewEndpointSecret, false);
        for capability in C::ALL {
            assert_eq!(C::parse(capability.as_str()), Some(capability));
        }
    }
}

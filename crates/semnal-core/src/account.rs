//! Who may use the console: users, their sessions, and the one-time links by which a password is set.
//!
//! Secrets are kept as hashes only: a password as argon2id in PHC form, the texts of cookies and links as SHA-256. All
//! of it is part of the [`crate::configuration::Configuration`], which the store writes and reads as a whole; none of
//! it changes where messages go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::id::{ApplicationId, Key, OrganisationId, UserId};
use crate::name::EventTypeName;
use crate::portal::Capability;
use crate::time::UnixMillis;

/// 12 hours without a request end a session.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(12 * 3_600);
/// 14 days after the login a session ends, used or not.
pub const SESSION_LIFE_MAX: Duration = Duration::from_secs(14 * 86_400);
/// 10 minutes: how often it is written down that a session is used.
pub const SESSION_TOUCH_INTERVAL: Duration = Duration::from_secs(600);
/// 1,000 sessions at once; a login beyond that ends the one that was used least recently.
pub const SESSIONS_MAX: usize = 1_000;
/// 24 hours to use a link that sets a password.
pub const PASSWORD_LINK_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// 12 characters at least for a password.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// 256 characters at most for a password, so that hashing one costs little.
pub const PASSWORD_CHARACTERS_MAX: usize = 256;
/// 254 characters for the name or e-mail address of a user (RFC 5321).
pub const USER_NAME_CHARACTERS_MAX: usize = 254;

/// A person who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its key.
    pub id: UserId,
    /// What the person sees.
    pub organisation: OrganisationId,
    /// The name or e-mail address to log in with; unique without regard to case.
    pub name: String,
    /// The argon2id hash of the password, in PHC form.
    pub password: String,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// Whose a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOwner {
    /// A person's who logged in.
    User(UserId),
    /// Somebody's who came with the token of an application's portal.
    Portal(Box<PortalGrant>),
}

/// What the token of a portal opened when the session began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalGrant {
    /// The only application that is seen.
    pub application: ApplicationId,
    /// What may be done.
    pub capabilities: BTreeSet<Capability>,
    /// The flags of the event types that are seen; `None` means every event type.
    pub feature_flags: Option<BTreeSet<EventTypeName>>,
    /// The keyed hash by which the token is revoked.
    pub fingerprint: [u8; 16],
    /// When the token was issued, if it says so.
    pub issued: Option<Key>,
    /// The session id in the token, if it has one.
    pub session: Option<String>,
}

/// A login that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the text in the cookie.
    pub digest: [u8; 32],
    /// Whose it is.
    pub owner: SessionOwner,
    /// When it began.
    pub created_at: UnixMillis,
    /// When it was last used, to [`SESSION_TOUCH_INTERVAL`].
    pub seen_at: UnixMillis,
    /// From when on it counts no longer, whatever happens.
    pub expires_at: UnixMillis,
}

impl Session {
    /// Tells whether it still counts.
    pub fn is_valid(&self, now: UnixMillis) -> bool {
        now < self.expires_at && now.since(self.seen_at) < SESSION_IDLE_MAX
    }
}

/// A link that sets a password once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordLink {
    /// SHA-256 of the text in the link.
    pub digest: [u8; 32],
    /// Whose password it sets; `None` makes the first user.
    pub user: Option<UserId>,
    /// From when on it counts no longer.
    pub expires_at: UnixMillis,
}

/// One change of the accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// Adds or replaces a user.
    PutUser(User),
    /// Adds or replaces a session.
    PutSession(Session),
    /// Ends a session.
    DeleteSession([u8; 32]),
    /// Adds a link.
    PutLink(PasswordLink),
    /// Takes a link back.
    DeleteLink([u8; 32]),
}

/// Every account. Cloning it costs one pointer per entry.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    users: BTreeMap<UserId, Arc<User>>,
    sessions: HashMap<[u8; 32], Arc<Session>>,
    links: HashMap<[u8; 32], PasswordLink>,
}

impl Accounts {
    /// Applies a change; what it removes need not exist.
    pub(crate) fn apply(&mut self, change: &AccountChange) {
        match change {
            AccountChange::PutUser(it) => {
                self.users.insert(it.id, Arc::new(it.clone()));
            }
            AccountChange::PutSession(it) => {
                self.sessions.insert(it.digest, Arc::new(it.clone()));
            }
            AccountChange::DeleteSession(digest) => {
                self.sessions.remove(digest);
            }
            AccountChange::PutLink(it) => {
                self.links.insert(it.digest, it.clone());
            }
            AccountChange::DeleteLink(digest) => {
                self.links.remove(digest);
            }
        }
    }

    /// Ends the sessions of an application's portal.
    pub(crate) fn forget_application(&mut self, id: ApplicationId) {
        self.sessions
            .retain(|_, it| !matches!(&it.owner, SessionOwner::Portal(grant) if grant.application == id));
    }

    /// Returns every user, oldest first.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// Returns a user.
    pub fn user(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(&id)
    }

    /// Returns a user by the name or e-mail address, without regard to case.
    pub fn user_by_name(&self, name: &str) -> Option<&Arc<User>> {
        let wanted = name.to_lowercase();
        self.users.values().find(|it| it.name.to_lowercase() == wanted)
    }

    /// Returns a session by the SHA-256 of its text, whether it still counts or not.
    pub fn session(&self, digest: &[u8; 32]) -> Option<&Arc<Session>> {
        self.sessions.get(digest)
    }

    /// Returns every session, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.sessions.values()
    }

    /// Returns a link that still counts.
    pub fn link(&self, digest: &[u8; 32], now: UnixMillis) -> Option<&PasswordLink> {
        self.links.get(digest).filter(|it| now < it.expires_at)
    }

    /// Returns every link, in no order.
    pub fn links(&self) -> impl Iterator<Item = &PasswordLink> {
        self.links.values()
    }

    /// Returns the changes that begin a session: it, and the end of those that count no longer or are one too many.
    pub fn begin_session(&self, new: Session, now: UnixMillis) -> Vec<AccountChange> {
        let (valid, ended): (Vec<_>, Vec<_>) = self.sessions.values().partition(|it| it.is_valid(now));
        let mut changes: Vec<AccountChange> =
            ended.iter().map(|it| AccountChange::DeleteSession(it.digest)).collect();
        if valid.len() >= SESSIONS_MAX
            && let Some(stalest) = valid.iter().min_by_key(|it| it.seen_at)
        {
            changes.push(AccountChange::DeleteSession(stalest.digest));
        }
        changes.push(AccountChange::PutSession(new));
        changes
    }

    /// Returns the changes that give a user a new password: every session and link of the user ends with the old one,
    /// and so does every link that would make a first user.
    pub fn replace_password(&self, user: User) -> Vec<AccountChange> {
        let of_user = |it: &&Arc<Session>| it.owner == SessionOwner::User(user.id);
        let sessions =
            self.sessions.values().filter(of_user).map(|it| AccountChange::DeleteSession(it.digest));
        let of_link = |it: &&PasswordLink| it.user.is_none_or(|of| of == user.id);
        let links = self.links.values().filter(of_link).map(|it| AccountChange::DeleteLink(it.digest));
        let mut changes: Vec<AccountChange> = sessions.chain(links).collect();
        changes.push(AccountChange::PutUser(user));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn session(number: u16, user: i64, seen_at: UnixMillis) -> Session {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&number.to_be_bytes());
        let owner = SessionOwner::User(UserId(Key(user)));
        Session { digest, owner, created_at: seen_at, seen_at, expires_at: seen_at + SESSION_LIFE_MAX }
    }

    fn user(id: i64, name: &str) -> User {
        let (id, organisation) = (UserId(Key(id)), OrganisationId(Key(1)));
        User { id, organisation, name: name.into(), password: "x".into(), created_at: NOW, updated_at: NOW }
    }

    fn with(changes: impl IntoIterator<Item = AccountChange>) -> Accounts {
        let mut accounts = Accounts::default();
        changes.into_iter().for_each(|change| accounts.apply(&change));
        accounts
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let it = session(1, 1, NOW);
        assert!(it.is_valid(NOW + (SESSION_IDLE_MAX - Duration::from_millis(1))));
        assert!(!it.is_valid(NOW + SESSION_IDLE_MAX));
        let used = Session { seen_at: NOW + SESSION_LIFE_MAX, ..it };
        assert!(!used.is_valid(NOW + SESSION_LIFE_MAX));
    }

    #[test]
    fn a_login_sweeps_what_has_ended_and_displaces_the_stalest_beyond_the_limit() {
        let old = session(9_999, 1, NOW - SESSION_IDLE_MAX);
        let many = (0..SESSIONS_MAX).map(|n| {
            let n = u16::try_from(n).unwrap();
            AccountChange::PutSession(session(n, 1, NOW - Duration::from_millis(u64::from(n))))
        });
        let mut accounts = with(many.chain([AccountChange::PutSession(old.clone())]));
        for change in accounts.begin_session(session(5_000, 2, NOW), NOW) {
            accounts.apply(&change);
        }
        assert_eq!(accounts.sessions().count(), SESSIONS_MAX);
        assert!(accounts.session(&old.digest).is_none());
        assert!(accounts.session(&session(999, 1, NOW).digest).is_none(), "the stalest");
        assert!(accounts.session(&session(5_000, 2, NOW).digest).is_some());
    }

    #[test]
    fn a_new_password_ends_the_sessions_and_links_of_its_user_only() {
        let link = |byte, user: Option<i64>| PasswordLink {
            digest: [byte; 32],
            user: user.map(|id| UserId(Key(id))),
            expires_at: NOW + PASSWORD_LINK_LIFE,
        };
        let mut accounts = with([
            AccountChange::PutUser(user(1, "Ana")),
            AccountChange::PutUser(user(2, "Bo")),
            AccountChange::PutSession(session(1, 1, NOW)),
            AccountChange::PutSession(session(2, 2, NOW)),
            AccountChange::PutLink(link(1, Some(1))),
            AccountChange::PutLink(link(2, Some(2))),
            AccountChange::PutLink(link(3, None)),
        ]);
        let changed = User { password: "y".into(), ..user(1, "Ana") };
        accounts.replace_password(changed).iter().for_each(|change| accounts.apply(change));
        let left: Vec<_> = accounts.sessions().map(|it| it.digest[1]).collect();
        assert_eq!((left, accounts.links().count()), (vec![2], 1));
        assert_eq!(accounts.user_by_name("ANA").unwrap().password, "y");
        assert!(accounts.link(&[2; 32], NOW).is_some());
        assert!(accounts.link(&[2; 32], NOW + PASSWORD_LINK_LIFE).is_none());
    }
}

//! Organisations, applications, event types and API keys: the configuration around endpoints.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ApiKeyId, ApplicationId, OrganisationId};
use crate::name::{EventTypeName, Uid};
use crate::retry::RetrySchedule;
use crate::time::UnixMillis;

/// The name of the organisation that exists from the start.
pub const DEFAULT_ORGANISATION: &str = "default";
/// The uid of the application that exists from the start in the default organisation.
pub const DEFAULT_APPLICATION: &str = "default";

/// A namespace: applications, event types and keys. One organisation never sees another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its key.
    pub id: OrganisationId,
    /// `default`, or the `org_…` text of the token that first used it.
    pub name: Uid,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// A tenant: who sends events and owns endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its key.
    pub id: ApplicationId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The client's own name for it, unique in the organisation.
    pub uid: Option<Uid>,
    /// Its name for people.
    pub name: String,
    /// Messages per second that it may create. Kept and shown; not enforced yet (docs/roadmap.md).
    pub rate_limit: Option<u16>,
    /// Whatever the client wants to keep with it.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// A named kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Its name, unique in the organisation.
    pub name: EventTypeName,
    /// Its name for people.
    pub title: Option<String>,
    /// When it happens and what it carries.
    pub description: String,
    /// The heading under which it is listed.
    pub group: Option<String>,
    /// Not offered any more; what exists keeps working.
    pub archived: bool,
    /// Offered with a warning.
    pub deprecated: bool,
    /// Offered in a portal only to those who have one of these flags; empty means to everybody.
    pub feature_flags: BTreeSet<EventTypeName>,
    /// JSON schemas by version, as JSON text.
    pub schemas: Option<String>,
    /// Messages whose payload does not satisfy the newest of the schemas are refused.
    pub schema_enforced: bool,
    /// An example payload, as JSON text.
    pub example: Option<String>,
    /// The retry schedule of its messages where the endpoint has none; `None` means the server's.
    pub schedule: Option<RetrySchedule>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// A key for the API. The key itself is shown once; its SHA-256 is kept, and what signs requests, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its key in the store.
    pub id: ApiKeyId,
    /// The organisation that it opens.
    pub organisation: OrganisationId,
    /// Its name for people.
    pub name: String,
    /// SHA-256 of the whole key text.
    pub digest: [u8; 32],
    /// With what its owner signs requests; `None` for a key that cannot.
    pub signing: Option<SigningKey>,
    /// The first characters, to tell keys apart in a list.
    pub hint: String,
    /// What it may do; empty means all.
    pub scopes: Vec<Scope>,
    /// What it opens.
    pub opens: Opens,
    /// When it was made.
    pub created_at: UnixMillis,
    /// From when on it is refused.
    pub expires_at: Option<UnixMillis>,
    /// Since when it is refused.
    pub revoked_at: Option<UnixMillis>,
}

/// With what requests are signed: derived from the text of an API key, and as secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigningKey(pub [u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// The API of its organisation.
    Api,
    /// The REST API in the manner of Ultimate Multisite, for one application, together with a secret.
    UltimateMultisite {
        /// Whose webhooks and events.
        application: ApplicationId,
        /// SHA-256 of the secret.
        secret_digest: [u8; 32],
    },
    /// The address to which the webhooks of a system without a key post the events of one application.
    Source {
        /// Whose events.
        application: ApplicationId,
    },
}

impl Opens {
    /// Returns the only application that it opens, if it is one.
    pub fn application(&self) -> Option<ApplicationId> {
        match self {
            Opens::Api => None,
            Opens::UltimateMultisite { application, .. } | Opens::Source { application } => {
                Some(*application)
            }
        }
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read everything of the organisation, secrets excluded.
    Read,
    /// Create messages.
    Send,
    /// Change configuration, read secrets, resend.
    Manage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Send, Scope::Manage];

    /// Returns the word on the command line and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Send => "send",
            Scope::Manage => "manage",
        }
    }

    /// Returns the scope of a word.
    pub fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

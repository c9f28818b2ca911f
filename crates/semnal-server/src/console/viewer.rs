//! Who looks at the console, and what they may see and do.
//!
//! A viewer comes from a session: that of a user, who may do everything in the organisation, or that of a portal, which
//! opens one application within the capabilities of its token. Handlers ask before they look at anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use semnal_core::account::{Session, SessionOwner};
use semnal_core::application::{Application, EventType};
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{ApplicationId, EndpointId, IdCipher, IdKind, OrganisationId, UserId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::{Capability, IssuedToken};
use semnal_core::time::UnixMillis;

use super::problem::Problem;

/// Whoever looks.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// What they see.
    pub(crate) organisation: OrganisationId,
    /// The user; `None` for somebody who came by a portal.
    pub(crate) user: Option<UserId>,
    /// The name to show and to write into records; empty for a portal.
    pub(crate) name: String,
    only: Option<ApplicationId>,
    capabilities: BTreeSet<Capability>,
    /// The flags of the event types that are seen; `None` means every event type.
    feature_flags: Option<BTreeSet<EventTypeName>>,
}

impl Viewer {
    /// Returns the viewer of a session that still counts.
    pub(super) fn of(configuration: &Configuration, session: &Session, now: UnixMillis) -> Option<Viewer> {
        if !session.is_valid(now) {
            return None;
        }
        match &session.owner {
            SessionOwner::User(id) => {
                let user = configuration.accounts().user(*id)?;
                Some(Viewer {
                    organisation: user.organisation,
                    user: Some(*id),
                    name: user.name.clone(),
                    only: None,
                    capabilities: Capability::ALL.into(),
                    feature_flags: None,
                })
            }
            SessionOwner::Portal(grant) => {
                let application = configuration.application(grant.application)?;
                let issued = IssuedToken {
                    issued: grant.issued,
                    session: grant.session.as_deref(),
                    fingerprint: grant.fingerprint,
                };
                let revoked =
                    configuration.revocations(application.id).is_some_and(|it| it.refuse(&issued, now));
                (!revoked).then(|| Viewer {
                    organisation: application.organisation,
                    user: None,
                    name: String::new(),
                    only: Some(application.id),
                    capabilities: grant.capabilities.clone(),
                    feature_flags: grant.feature_flags.clone(),
                })
            }
        }
    }

    /// Tells whether the viewer sees one application only, by its portal.
    pub(crate) fn is_portal(&self) -> bool {
        self.user.is_none()
    }

    /// Returns who it is: a user, or whoever came by a portal of an application.
    pub(super) fn who(&self) -> (OrganisationId, Option<UserId>, Option<ApplicationId>) {
        (self.organisation, self.user, self.only)
    }

    /// Grants something.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] when the viewer came by a portal that does not open it.
    pub(crate) fn may(&self, capability: Capability) -> Result<(), Problem> {
        if self.can(capability) { Ok(()) } else { Err(Problem::Forbidden) }
    }

    /// Tells whether the viewer may do something, for buttons that are shown or not.
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.capabilities.iter().any(|it| it.includes(capability))
    }

    /// Returns who it is, for records of what somebody asked for.
    pub(crate) fn describe(&self) -> String {
        if self.is_portal() { "portal of the application".to_owned() } else { format!("user {}", self.name) }
    }

    /// Grants what concerns the whole organisation: settings, users, keys.
    ///
    /// # Errors
    /// [`Problem::Forbidden`] for a portal.
    pub(crate) fn manages(&self) -> Result<(), Problem> {
        if self.is_portal() { Err(Problem::Forbidden) } else { Ok(()) }
    }

    /// Tells whether an event type is offered to the viewer.
    pub(crate) fn sees(&self, it: &EventType) -> bool {
        let Some(flags) = &self.feature_flags else { return true };
        it.feature_flags.is_empty() || !it.feature_flags.is_disjoint(flags)
    }

    /// Returns the applications that the viewer sees, oldest first.
    pub(crate) fn applications<'a>(
        &'a self,
        configuration: &'a Configuration,
    ) -> impl Iterator<Item = &'a Arc<Application>> {
        configuration
            .applications(self.organisation)
            .filter(|it| self.only.map_or(!it.is_operational(), |only| only == it.id))
    }

    /// Returns an endpoint that the viewer sees, by its id, and its application.
    ///
    /// # Errors
    /// [`Problem::NotFound`] when there is none in sight.
    pub(crate) fn endpoint<'a>(
        &self,
        configuration: &'a Configuration,
        ids: &IdCipher,
        text: &str,
    ) -> Result<(&'a Arc<Endpoint>, &'a Arc<Application>), Problem> {
        let (_, key) = ids.decode(IdKind::Endpoint, text).map_err(|_| Problem::NotFound)?;
        let found = configuration.endpoint(EndpointId(key)).ok_or(Problem::NotFound)?;
        let application = configuration.application(found.application).ok_or(Problem::NotFound)?;
        let seen = application.organisation == self.organisation
            && self.only.is_none_or(|only| only == application.id);
        if seen { Ok((found, application)) } else { Err(Problem::NotFound) }
    }
}

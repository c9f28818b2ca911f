//! The whole configuration as one immutable snapshot with a version: what the API matches against and what the engine
//! sends by. Built and published by the store; a change makes a new snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::account::{AccountChange, Accounts};
use crate::application::{ApiKey, Application, EventType, Organisation};
use crate::endpoint::Endpoint;
use crate::id::{ApiKeyId, ApplicationId, EndpointId, Key, OrganisationId};
use crate::integration::{Integration, Integrations};
use crate::name::{Channel, EventTypeName, Uid};
use crate::operational::OPERATIONAL_APPLICATION;
use crate::portal::{Revocation, Revocations};
use crate::retry::RetrySchedule;

/// A snapshot of the configuration. Cloning it costs one pointer per entry.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Grows with each change; a message appended against an older one is matched again.
    pub version: u64,
    organisations: BTreeMap<OrganisationId, Arc<Organisation>>,
    applications: BTreeMap<ApplicationId, Arc<Application>>,
    application_uids: HashMap<(OrganisationId, Uid), ApplicationId>,
    /// The built-in application for operational events of each organisation.
    operational: HashMap<OrganisationId, ApplicationId>,
    endpoints: HashMap<EndpointId, Arc<Endpoint>>,
    application_endpoints: HashMap<ApplicationId, Arc<Vec<Arc<Endpoint>>>>,
    event_types: BTreeMap<(OrganisationId, EventTypeName), Arc<EventType>>,
    /// Those of the event types whose schema is enforced.
    enforced: HashMap<(OrganisationId, EventTypeName), Arc<EventType>>,
    revocations: HashMap<ApplicationId, Arc<Revocations>>,
    integrations: HashMap<ApplicationId, Arc<Integrations>>,
    keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    key_digests: HashMap<[u8; 32], ApiKeyId>,
    accounts: Arc<Accounts>,
}

/// One change of the configuration.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds or replaces an organisation.
    PutOrganisation(Organisation),
    /// Adds or replaces an application.
    PutApplication(Application),
    /// Removes an application with all its endpoints.
    DeleteApplication(ApplicationId),
    /// Adds or replaces an endpoint.
    PutEndpoint(Box<Endpoint>),
    /// Removes an endpoint; what it has not been sent is cancelled.
    DeleteEndpoint(EndpointId),
    /// Adds or replaces an event type.
    PutEventType(Box<EventType>),
    /// Removes an event type.
    DeleteEventType(OrganisationId, EventTypeName),
    /// Adds or replaces an API key.
    PutApiKey(ApiKey),
    /// Revokes tokens of an application.
    Revoke(Revocation),
    /// Removes a revocation that refuses nothing any more.
    ForgetRevocation(ApplicationId, Key),
    /// Changes who may use the console; no message goes anywhere else for it.
    Account(Box<AccountChange>),
    /// Adds or replaces an entry of an application's numbered list of webhooks.
    PutIntegration(Box<Integration>),
    /// Removes what an entry remembers of a webhook that is gone.
    ForgetIntegration(ApplicationId, u32),
}

/// Why a change does not fit the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Another application of the organisation has this uid.
    #[error("an application with uid {0:?} exists already")]
    ApplicationUid(String),
    /// Another endpoint of the application has this uid.
    #[error("an endpoint with uid {0:?} exists already in this application")]
    EndpointUid(String),
    /// What the change refers to does not exist (any more).
    #[error("it does not exist any more")]
    Missing,
    /// A limit on numbers.
    #[error("an application has at most {0} endpoints")]
    TooManyEndpoints(usize),
}

impl Configuration {
    /// Applies a change, or leaves everything as it was.
    ///
    /// # Errors
    /// [`ChangeError`] when it does not fit what is there.
    pub fn apply(&mut self, change: &Change) -> Result<(), ChangeError> {
        match change {
            Change::PutOrganisation(it) => {
                self.organisations.insert(it.id, Arc::new(it.clone()));
            }
            Change::PutApplication(it) => self.put_application(it)?,
            Change::DeleteApplication(id) => self.delete_application(*id)?,
            Change::PutEndpoint(it) => self.put_endpoint(it)?,
            Change::DeleteEndpoint(id) => {
                let endpoint = self.endpoints.remove(id).ok_or(ChangeError::Missing)?;
                self.rebuild_endpoints(endpoint.application);
                if let Some(list) = self.integrations.get_mut(&endpoint.application) {
                    Arc::make_mut(list).endpoint_deleted(*id);
                }
            }
            Change::PutEventType(it) => self.put_event_type(it),
            Change::DeleteEventType(organisation, name) => {
                let key = (*organisation, name.clone());
                self.event_types.remove(&key).ok_or(ChangeError::Missing)?;
                self.enforced.remove(&key);
            }
            Change::PutApiKey(it) => {
                self.key_digests.insert(it.digest, it.id);
                self.keys.insert(it.id, Arc::new(it.clone()));
            }
            Change::Revoke(it) => {
                if !self.applications.contains_key(&it.application) {
                    return Err(ChangeError::Missing);
                }
                Arc::make_mut(self.revocations.entry(it.application).or_default()).add(it.clone());
            }
            Change::ForgetRevocation(application, position) => {
                if let Some(all) = self.revocations.get_mut(application) {
                    Arc::make_mut(all).forget(*position);
                }
            }
            Change::PutIntegration(it) => self.put_integration(it)?,
            Change::ForgetIntegration(application, number) => {
                if let Some(list) = self.integrations.get_mut(application) {
                    Arc::make_mut(list).forget(*number);
                }
            }
            Change::Account(change) => {
                Arc::make_mut(&mut self.accounts).apply(change);
                // Messages that were matched before it are matched well.
                return Ok(());
            }
        }
        self.version += 1;
        Ok(())
    }

    fn put_application(&mut self, it: &Application) -> Result<(), ChangeError> {
        if let Some(uid) = &it.uid {
            match self.application_uids.get(&(it.organisation, uid.clone())) {
                Some(other) if *other != it.id => return Err(ChangeError::ApplicationUid(uid.to_string())),
                _ => {}
            }
        }
        if let Some(old) = self.applications.get(&it.id).and_then(|a| a.uid.clone()) {
            if old.as_str() == OPERATIONAL_APPLICATION {
                self.operational.remove(&it.organisation);
            }
            self.application_uids.remove(&(it.organisation, old));
        }
        if let Some(uid) = &it.uid {
            self.application_uids.insert((it.organisation, uid.clone()), it.id);
        }
        if it.is_operational() {
            self.operational.insert(it.organisation, it.id);
        }
        self.applications.insert(it.id, Arc::new(it.clone()));
        Ok(())
    }

    fn put_integration(&mut self, it: &Integration) -> Result<(), ChangeError> {
        let belongs = |id: &EndpointId| self.endpoint(*id).is_some_and(|e| e.application == it.application);
        if !self.applications.contains_key(&it.application) || !it.endpoint.iter().all(belongs) {
            return Err(ChangeError::Missing);
        }
        Arc::make_mut(self.integrations.entry(it.application).or_default()).put(it);
        Ok(())
    }

    fn put_event_type(&mut self, it: &EventType) {
        let (key, it) = ((it.organisation, it.name.clone()), Arc::new(it.clone()));
        if it.schema_enforced {
            self.enforced.insert(key.clone(), it.clone());
        } else {
            self.enforced.remove(&key);
        }
        self.event_types.insert(key, it);
    }

    fn delete_application(&mut self, id: ApplicationId) -> Result<(), ChangeError> {
        let old = self.applications.remove(&id).ok_or(ChangeError::Missing)?;
        if let Some(uid) = &old.uid {
            self.application_uids.remove(&(old.organisation, uid.clone()));
        }
        self.revocations.remove(&id);
        Arc::make_mut(&mut self.accounts).forget_application(id);
        self.integrations.remove(&id);
        if old.is_operational() {
            self.operational.remove(&old.organisation);
        }
        if let Some(endpoints) = self.application_endpoints.remove(&id) {
            for endpoint in endpoints.iter() {
                self.endpoints.remove(&endpoint.id);
            }
        }
        Ok(())
    }

    fn put_endpoint(&mut self, it: &Endpoint) -> Result<(), ChangeError> {
        if !self.applications.contains_key(&it.application) {
            return Err(ChangeError::Missing);
        }
        let beside = self.endpoints_of(it.application);
        if let Some(uid) = &it.uid
            && beside.iter().any(|e| e.id != it.id && e.uid.as_ref() == Some(uid))
        {
            return Err(ChangeError::EndpointUid(uid.to_string()));
        }
        let max = crate::endpoint::ENDPOINTS_PER_APPLICATION_MAX;
        if beside.len() >= max && !self.endpoints.contains_key(&it.id) {
            return Err(ChangeError::TooManyEndpoints(max));
        }
        self.endpoints.insert(it.id, Arc::new(it.clone()));
        let mut list: Vec<Arc<Endpoint>> =
            self.endpoints_of(it.application).iter().filter(|e| e.id != it.id).cloned().collect();
        list.push(Arc::new(it.clone()));
        list.sort_by_key(|e| e.id);
        self.application_endpoints.insert(it.application, Arc::new(list));
        Ok(())
    }

    fn rebuild_endpoints(&mut self, application: ApplicationId) {
        let list = self.endpoints_of(application);
        let kept = list.iter().filter(|e| self.endpoints.contains_key(&e.id)).cloned().collect();
        self.application_endpoints.insert(application, Arc::new(kept));
    }

    /// Returns the endpoints that a message goes to, in the order of their ids.
    pub fn matching(
        &self,
        application: ApplicationId,
        event_type: &EventTypeName,
        channels: &[Channel],
    ) -> Vec<EndpointId> {
        let Some(endpoints) = self.application_endpoints.get(&application) else { return Vec::new() };
        endpoints.iter().filter(|e| e.matches(event_type, channels)).map(|e| e.id).collect()
    }

    /// Returns the built-in application of an organisation, when at least one endpoint of it may want operational
    /// events.
    pub fn operational_audience(&self, organisation: OrganisationId) -> Option<ApplicationId> {
        let id = *self.operational.get(&organisation)?;
        self.application_endpoints.get(&id).filter(|endpoints| !endpoints.is_empty()).map(|_| id)
    }

    /// Returns the retry schedule that messages of an event type have where their endpoint has none.
    pub fn event_type_schedule(
        &self,
        application: ApplicationId,
        event_type: &EventTypeName,
    ) -> Option<&RetrySchedule> {
        let organisation = self.applications.get(&application)?.organisation;
        self.event_type(organisation, event_type)?.schedule.as_ref()
    }

    /// Returns an organisation by name.
    pub fn organisation_by_name(&self, name: &str) -> Option<&Arc<Organisation>> {
        self.organisations.values().find(|o| o.name.as_str() == name)
    }

    /// Returns every organisation, oldest first.
    pub fn organisations(&self) -> impl Iterator<Item = &Arc<Organisation>> {
        self.organisations.values()
    }

    /// Returns an application.
    pub fn application(&self, id: ApplicationId) -> Option<&Arc<Application>> {
        self.applications.get(&id)
    }

    /// Returns an application by its uid.
    pub fn application_by_uid(&self, organisation: OrganisationId, uid: &Uid) -> Option<&Arc<Application>> {
        self.applications.get(self.application_uids.get(&(organisation, uid.clone()))?)
    }

    /// Returns the applications of an organisation, oldest first.
    pub fn applications(
        &self,
        organisation: OrganisationId,
    ) -> impl DoubleEndedIterator<Item = &Arc<Application>> {
        self.applications.values().filter(move |a| a.organisation == organisation)
    }

    /// Returns an endpoint.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// Returns every endpoint, in no order.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.values()
    }

    /// Returns the endpoints of an application, oldest first.
    pub fn endpoints_of(&self, application: ApplicationId) -> Arc<Vec<Arc<Endpoint>>> {
        self.application_endpoints.get(&application).cloned().unwrap_or_default()
    }

    /// Returns an event type.
    pub fn event_type(&self, organisation: OrganisationId, name: &EventTypeName) -> Option<&Arc<EventType>> {
        self.event_types.get(&(organisation, name.clone()))
    }

    /// Returns an event type when its schema is enforced. Costs one look-up in a table of those that are.
    pub fn enforced(&self, organisation: OrganisationId, name: &EventTypeName) -> Option<&Arc<EventType>> {
        if self.enforced.is_empty() {
            return None;
        }
        self.enforced.get(&(organisation, name.clone()))
    }

    /// Returns how many event types of an organisation have an enforced schema.
    pub fn enforced_count(&self, organisation: OrganisationId) -> usize {
        self.enforced.keys().filter(|(of, _)| *of == organisation).count()
    }

    /// Returns which tokens of an application are revoked; `None` when none is.
    pub fn revocations(&self, application: ApplicationId) -> Option<&Arc<Revocations>> {
        self.revocations.get(&application)
    }

    /// Returns the numbered list of an application's webhooks.
    pub fn integrations(&self, application: ApplicationId) -> Arc<Integrations> {
        self.integrations.get(&application).cloned().unwrap_or_default()
    }

    /// Returns the entry of an endpoint in the numbered list of its application.
    pub fn integration_of(&self, endpoint: EndpointId) -> Option<&Arc<Integration>> {
        self.integrations.get(&self.endpoint(endpoint)?.application)?.of(endpoint)
    }

    /// Returns the greatest position of a revocation.
    pub fn last_revocation(&self) -> Option<Key> {
        self.revocations.values().flat_map(|all| all.iter()).map(|it| it.position).max()
    }

    /// Returns the event types of an organisation by name.
    pub fn event_types(
        &self,
        organisation: OrganisationId,
    ) -> impl DoubleEndedIterator<Item = &Arc<EventType>> {
        self.event_types.values().filter(move |t| t.organisation == organisation)
    }

    /// Returns an API key by its id.
    pub fn key(&self, id: ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.keys.get(&id)
    }

    /// Returns the API key with this SHA-256, whether it is still valid or not.
    pub fn key_by_digest(&self, digest: &[u8; 32]) -> Option<&Arc<ApiKey>> {
        self.keys.get(self.key_digests.get(digest)?)
    }

    /// Returns who may use the console.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Returns every API key, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<ApiKey>> {
        self.keys.values()
    }
}

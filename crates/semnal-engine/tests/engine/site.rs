//! Store, engine and transport together on a clock that the test moves: one application and one endpoint whose URL
//! leads to the receiver of the world.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::application::Application;
use semnal_core::configuration::Change;
use semnal_core::delivery::DeliveryState;
use semnal_core::endpoint::{Endpoint, EndpointSecret, EndpointState};
use semnal_core::id::{ApplicationId, EndpointId, MessageId, OrganisationId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Secret;
use semnal_engine::clock::{Clock, ManualClock};
use semnal_engine::destination::RequestForm;
use semnal_engine::engine::{Engine, EngineOptions, IN_FLIGHT_MAX};
use semnal_engine::randomness::Randomness;
use semnal_store::memory::MemoryDisk;
use semnal_store::message::{Appended, NewMessage};
use semnal_store::outcome::Outcome;
use semnal_store::store::{ChangePlan, Opened, Store, StoreOptions};

use crate::transport::world::{START, World};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A store, an engine, one application and one endpoint whose URL leads to the receiver of the world.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) endpoint: Endpoint,
    disk: MemoryDisk,
    options: SiteOptions,
}

/// What a site does by itself.
#[derive(Clone, Default)]
pub(crate) struct SiteOptions {
    pub(crate) disable_after: Option<Duration>,
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) schedule: RetrySchedule,
}

impl Site {
    pub(crate) async fn with(world: &World) -> Site {
        Site::with_options(world, SiteOptions::default()).await
    }

    pub(crate) async fn with_options(world: &World, options: SiteOptions) -> Site {
        let disk = MemoryDisk::default();
        let (store, engine) = start(world, &disk, &options);
        let endpoint = endpoint(ApplicationId(store.next_key()), EndpointId(store.next_key()));
        let site = Site { engine, store, clock: world.clock.clone(), endpoint, disk, options };
        site.change(vec![
            Change::PutApplication(application(site.endpoint.application)),
            Change::PutEndpoint(Box::new(site.endpoint.clone())),
        ])
        .await;
        site
    }

    /// Stops and starts again from what is on the disk.
    pub(crate) async fn restart(self, world: &World) -> Site {
        self.engine.stop().await;
        self.store.stop().await;
        let (store, engine) = start(world, &self.disk, &self.options);
        Site { store, engine, ..self }
    }

    pub(crate) async fn change(&self, changes: Vec<Change>) {
        let plan = move |_: &_| Ok::<_, Infallible>(ChangePlan { changes, answer: None, value: () });
        self.store.change(None, plan).await.unwrap().unwrap();
    }

    pub(crate) async fn set_state(&self, state: EndpointState) {
        self.change(vec![Change::PutEndpoint(Box::new(Endpoint { state, ..self.endpoint.clone() }))]).await;
    }

    pub(crate) async fn send(&self) -> MessageId {
        self.send_on(Vec::new()).await
    }

    pub(crate) async fn send_on(&self, channels: Vec<Channel>) -> MessageId {
        let configuration = self.store.configuration();
        let event_type = EventTypeName::parse("payment_received").unwrap();
        let application = self.endpoint.application;
        let new = NewMessage {
            application,
            endpoints: configuration.matching(application, &event_type, &channels),
            event_type,
            event_id: None,
            channels,
            payload: "{\"n\": 1}".into(),
            idempotency: None,
            payload_retention_days: None,
        };
        let appended = self.store.append(vec![new], configuration.version).await.unwrap().pop();
        match appended.unwrap() {
            Appended::Created(message) => message.id,
            other => panic!("{other:?}"),
        }
    }

    /// Moves the clock from one thing to the next until the delivery is decided.
    pub(crate) async fn until_decided(&self, message: MessageId) {
        while !self.state(message).await.is_decided() {
            let next = self.engine.rest().await;
            self.clock.advance_to(next);
        }
        self.engine.rest().await;
    }

    pub(crate) async fn attempts(&self, message: MessageId) -> Vec<Outcome> {
        self.store.read(move |reader| reader.attempts(message)).await.unwrap()
    }

    pub(crate) async fn state(&self, id: MessageId) -> DeliveryState {
        let holds = self.store.configuration().endpoint(self.endpoint.id).is_some_and(|e| e.state.holds());
        let read = self.store.read(move |reader| {
            let message = reader.message(id)?.unwrap();
            reader.deliveries(&message, |_| holds)
        });
        read.await.unwrap()[0].state
    }

    pub(crate) async fn balances(&self) {
        let found = self.store.verify().await.unwrap();
        assert!(found.balances(), "{found:?}");
    }
}

fn start(world: &World, disk: &MemoryDisk, options: &SiteOptions) -> (Store, Engine) {
    let clock = world.clock.clone();
    let now = Arc::new(move || clock.now());
    let store_options =
        StoreOptions { disable_after: options.disable_after, ..StoreOptions::new(now, [7; 48]) };
    let opened = Opened::memory(disk.clone(), store_options).unwrap();
    let engine = Engine::new(EngineOptions {
        clock: Clock::Manual(world.clock.clone()),
        randomness: Randomness::seeded(1),
        transport: world.transport.clone(),
        form: RequestForm { schedule: options.schedule.clone(), ..RequestForm::default() },
        in_flight_max: IN_FLIGHT_MAX,
        cipher: opened.ids().clone(),
        probe_interval: options.probe_interval,
    });
    let store = opened.start(&engine.observer()).unwrap();
    engine.run(store.clone());
    (store, engine)
}

pub(crate) fn application(id: ApplicationId) -> Application {
    Application {
        id,
        organisation: OrganisationId::default(),
        uid: None,
        name: "shop".into(),
        rate_limit: None,
        metadata: BTreeMap::new(),
        created_at: START,
        updated_at: START,
    }
}

pub(crate) fn endpoint(application: ApplicationId, id: EndpointId) -> Endpoint {
    Endpoint {
        id,
        application,
        uid: None,
        url: "http://ok.example/hook".into(),
        description: String::new(),
        state: EndpointState::Active,
        event_types: None,
        channels: None,
        rate_limit: None,
        concurrency_limit: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        secrets: vec![EndpointSecret { secret: Secret::parse(SECRET).unwrap(), expires_at: None }],
        schedule: None,
        created_at: START,
        updated_at: START,
    }
}

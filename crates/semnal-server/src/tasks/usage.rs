//! Usage: how much each application sent, and what its endpoints ask for. Read as a whole, and the task ends with it; a
//! server that is killed meanwhile begins anew.

use std::collections::BTreeSet;

use semnal_core::application::Application;
use semnal_core::id::IdKind;
use semnal_core::name::{EventTypeName, Uid};
use semnal_store::error::StoreError;
use semnal_store::store::Store;
use semnal_store::task::{Task, TaskEnd, TaskKind};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    app_id: String,
    app_uid: Option<String>,
    /// Deliveries of messages of the time to endpoints that exist.
    message_destinations: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscriptions {
    app_id: String,
    explicitly_subscribed_event_types: BTreeSet<String>,
    has_catch_all_endpoint: bool,
}

/// Finds out what the task asks for, and ends it.
pub(super) async fn finish(store: &Store, task: &Task) -> Result<(), StoreError> {
    let configuration = store.configuration();
    let wanted = &task.selection.applications;
    let applications = configuration.applications(task.organisation).filter(|it| !it.is_operational());
    let applications = applications.filter(|it| wanted.is_empty() || wanted.contains(&it.id));
    let applications: Vec<_> = applications.cloned().collect();
    let id = |it: &Application| store.ids().encode(IdKind::Application, it.id.partition(), it.id.0);
    let found = if task.kind == TaskKind::ApplicationStats {
        let mut all = Vec::new();
        for it in &applications {
            let uid = it.uid.as_ref().map(|uid| Uid::as_str(uid).to_owned());
            all.push(Usage {
                app_id: id(it),
                app_uid: uid,
                message_destinations: sent(store, task, it).await?,
            });
        }
        serde_json::json!({ "appStats": all })
    } else {
        let all = applications.iter().map(|it| {
            let endpoints = configuration.endpoints_of(it.id);
            let types = endpoints.iter().filter_map(|endpoint| endpoint.event_types.as_ref()).flatten();
            Subscriptions {
                app_id: id(it),
                explicitly_subscribed_event_types: types
                    .map(|name| EventTypeName::as_str(name).to_owned())
                    .collect(),
                has_catch_all_endpoint: endpoints.iter().any(|endpoint| endpoint.event_types.is_none()),
            }
        });
        serde_json::json!({ "event_types": all.collect::<Vec<_>>() })
    };
    store.end_task(task.id, TaskEnd::Finished(found.to_string())).await.map(drop)
}

async fn sent(store: &Store, task: &Task, application: &Application) -> Result<u64, StoreError> {
    let endpoints = store.configuration().endpoints_of(application.id);
    let (since, until) = (task.selection.since, task.selection.until);
    let question = move |reader: &semnal_store::read::Reader| {
        let mut all = 0;
        for endpoint in endpoints.iter() {
            let counts = reader.count_deliveries(endpoint.id, since, until)?;
            all += counts.all();
        }
        Ok(all)
    };
    store.list_complete(question).await
}

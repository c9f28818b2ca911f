//! Background tasks: bulk work as durable rows. A task walks a list by a cursor, and each step writes what it does and
//! how far it has come in one transaction ([`crate::store::Store::step_task`]), so that whoever runs tasks may die at
//! any point: nothing is left out and nothing done twice.

use std::collections::BTreeSet;

use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId, OrganisationId, TaskId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::views::apply::State;
use crate::views::filter::Span;

/// 500 deliveries are sent again with one step at most: a few milliseconds of the writer.
pub const STEP_DELIVERIES_MAX: usize = 500;
/// An organisation has 100 running tasks at most.
pub const RUNNING_MAX: usize = 100;

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKind {
    /// Sends the failed deliveries of an endpoint again.
    Recover,
    /// Sends messages that an endpoint matches now and never had a delivery of.
    ReplayMissing,
    /// Sends deliveries of an endpoint again, whatever became of them.
    BulkReplay,
    /// Counts what each application sent.
    ApplicationStats,
    /// Lists the event types that each application's endpoints ask for.
    EventTypes,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskStatus {
    /// Steps will be taken.
    Running,
    /// It has done everything.
    Finished,
    /// It could not go on; [`Task::error`] says why.
    Failed,
    /// A person ended it.
    Cancelled,
}

/// What a task works on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Messages accepted from this time on, inclusive.
    pub since: UnixMillis,
    /// Messages accepted up to this time, inclusive.
    pub until: UnixMillis,
    /// Of these event types; `None` means all.
    pub event_types: Option<BTreeSet<EventTypeName>>,
    /// With this channel.
    pub channel: Option<Channel>,
    /// Deliveries in this state; `None` means every decided one that nobody called off.
    pub state: Option<State>,
    /// Deliveries whose last attempt's status divided by 100 is this; 0 means without an answer.
    pub status_class: Option<u16>,
    /// These applications; empty means all.
    pub applications: Vec<ApplicationId>,
}

/// A background task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its key; the time inside is when it was started.
    pub id: TaskId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The application that it works on, when it is one.
    pub application: Option<ApplicationId>,
    /// The endpoint that it works on, when it is one.
    pub endpoint: Option<EndpointId>,
    /// What it does.
    pub kind: TaskKind,
    /// How it stands.
    pub status: TaskStatus,
    /// What it works on.
    pub selection: Selection,
    /// How far it has come: beyond this it goes on.
    pub cursor: Option<DeliveryId>,
    /// How many items it has come past.
    pub done: u64,
    /// How many deliveries it made due.
    pub sent: u64,
    /// How many items there were when it began, when that is known.
    pub total: Option<u64>,
    /// What it found out, as JSON.
    pub result: Option<String>,
    /// Why it ended early, for a person.
    pub error: Option<String>,
    /// Who asked for it.
    pub asked_by: String,
    /// When it was asked for.
    pub created_at: UnixMillis,
    /// When its row was last written.
    pub updated_at: UnixMillis,
}

/// A task to start.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// A key given out by [`crate::store::Store::next_key`].
    pub id: TaskId,
    /// See [`Task::organisation`].
    pub organisation: OrganisationId,
    /// See [`Task::application`].
    pub application: Option<ApplicationId>,
    /// See [`Task::endpoint`].
    pub endpoint: Option<EndpointId>,
    /// See [`Task::kind`].
    pub kind: TaskKind,
    /// See [`Task::selection`].
    pub selection: Selection,
    /// See [`Task::asked_by`].
    pub asked_by: String,
    /// When it is asked for.
    pub now: UnixMillis,
}

/// What became of a request to start a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Running,
    /// The same request came before; this was its answer.
    Repeated(crate::store::StoredAnswer),
    /// The organisation has [`RUNNING_MAX`] running ones.
    TooMany,
}

/// A part of a task's work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Where the task stood when this was read; at another place it is not taken.
    pub from: Option<DeliveryId>,
    /// Where the task stands afterwards.
    pub to: Option<DeliveryId>,
    /// Deliveries of its endpoint to send again, as far as they are what the task selects.
    pub deliveries: Vec<DeliveryId>,
    /// Messages to add a delivery to, as far as its endpoint matches them and has none.
    pub messages: Vec<MessageId>,
    /// How many items there are at all, when this is known.
    pub total: Option<u64>,
    /// Whether nothing is left.
    pub is_last: bool,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// It is durable; this is how the task stands now.
    Taken(TaskStatus),
    /// Nothing was done: the task had ended already.
    Ended(TaskStatus),
    /// Nothing was done: the task stands elsewhere. Read it again.
    Moved,
    /// Nothing was done: there is no such task.
    NoSuchTask,
}

/// How to end a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// It is done, and this is what it found, as JSON.
    Finished(String),
    /// It cannot go on, for this reason.
    Failed(String),
    /// A person wants no more of it.
    Cancelled(String),
}

/// What became of a request to end a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It has ended now.
    Now,
    /// It had ended before, like this.
    Before(TaskStatus),
    /// There is no such task.
    NoSuchTask,
}

/// Which tasks a list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// Whose.
    pub organisation: OrganisationId,
    /// Only those that work on this application.
    pub application: Option<ApplicationId>,
    /// Only those that do this.
    pub kind: Option<TaskKind>,
    /// Only those that stand like one of these; empty means all.
    pub statuses: Vec<TaskStatus>,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [TaskKind; 5] = [
        TaskKind::Recover,
        TaskKind::ReplayMissing,
        TaskKind::BulkReplay,
        TaskKind::ApplicationStats,
        TaskKind::EventTypes,
    ];

    /// Returns its name in the Svix API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskKind::Recover => "endpoint.recover",
            TaskKind::ReplayMissing => "endpoint.replay",
            TaskKind::BulkReplay => "endpoint.bulk-replay",
            TaskKind::ApplicationStats => "application.stats",
            TaskKind::EventTypes => "event-type.aggregate",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<TaskKind> {
        TaskKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [TaskStatus; 4] =
        [TaskStatus::Running, TaskStatus::Finished, TaskStatus::Failed, TaskStatus::Cancelled];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Running => "running",
            TaskStatus::Finished => "finished",
            TaskStatus::Failed => "failed",
            TaskStatus::Cancelled => "cancelled",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<TaskStatus> {
        TaskStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl NewTask {
    /// Returns the row of the task at its start.
    pub(crate) fn into_row(self) -> Task {
        let NewTask { id, organisation, application, endpoint, kind, selection, asked_by, now } = self;
        Task {
            id,
            organisation,
            application,
            endpoint,
            kind,
            status: TaskStatus::Running,
            selection,
            cursor: None,
            done: 0,
            sent: 0,
            total: None,
            result: None,
            error: None,
            asked_by,
            created_at: now,
            updated_at: now,
        }
    }
}

impl TaskFilter {
    pub(crate) fn wants(&self, it: &Task) -> bool {
        it.organisation == self.organisation
            && self.application.is_none_or(|application| it.application == Some(application))
            && self.kind.is_none_or(|kind| it.kind == kind)
            && (self.statuses.is_empty() || self.statuses.contains(&it.status))
    }
}

impl Selection {
    /// Returns the time between the two ends in the form of lists, whose ends are exclusive.
    pub fn span(&self) -> Span {
        let after = UnixMillis(self.since.0.saturating_sub(1));
        Span { after: Some(after), before: Some(UnixMillis(self.until.0.saturating_add(1))) }
    }

    pub(crate) fn to_json(&self) -> String {
        let names = |types: &BTreeSet<EventTypeName>| types.iter().map(|it| it.as_str().to_owned()).collect();
        let stored = StoredSelection {
            since: self.since.0,
            until: self.until.0,
            event_types: self.event_types.as_ref().map(names),
            channel: self.channel.as_ref().map(|it| it.as_str().to_owned()),
            state: self.state.map(State::code),
            status_class: self.status_class,
            applications: self.applications.iter().map(|id| id.0.0).collect(),
        };
        serde_json::to_string(&stored).expect("numbers and texts always serialise")
    }

    /// Reads what [`Selection::to_json`] wrote; the error says what is wrong with it.
    pub(crate) fn from_json(text: &str) -> Result<Selection, String> {
        let stored: StoredSelection = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let types = |names: Vec<String>| {
            names.iter().map(|name| EventTypeName::parse(name)).collect::<Result<BTreeSet<_>, _>>()
        };
        let state = |code| State::of_code(code).ok_or_else(|| format!("no state has the number {code}"));
        Ok(Selection {
            since: UnixMillis(stored.since),
            until: UnixMillis(stored.until),
            event_types: stored.event_types.map(types).transpose().map_err(|error| error.to_string())?,
            channel: stored
                .channel
                .map(|name| Channel::parse(&name))
                .transpose()
                .map_err(|error| error.to_string())?,
            state: stored.state.map(state).transpose()?,
            status_class: stored.status_class,
            applications: stored.applications.into_iter().map(|key| ApplicationId(Key(key))).collect(),
        })
    }
}

/// A selection as its row has it.
#[derive(Serialize, Deserialize)]
struct StoredSelection {
    since: i64,
    until: i64,
    event_types: Option<Vec<String>>,
    channel: Option<String>,
    state: Option<i64>,
    status_class: Option<u16>,
    applications: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_read_as_it_was_written() {
        let full = Selection {
            since: UnixMillis(5),
            until: UnixMillis(7),
            event_types: Some(BTreeSet::from([EventTypeName::parse("a.b").unwrap()])),
            channel: Some(Channel::parse("ro").unwrap()),
            state: Some(State::Failed),
            status_class: Some(5),
            applications: vec![ApplicationId(Key(9))],
        };
        for it in [full, Selection::default()] {
            assert_eq!(Selection::from_json(&it.to_json()), Ok(it));
        }
        assert!(Selection::from_json("{}").is_err());
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::parse(kind.as_str()), Some(kind));
        }
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::parse(status.as_str()), Some(status));
        }
    }

    #[test]
    fn both_ends_of_a_selection_are_part_of_it() {
        let span = Selection { since: UnixMillis(5), until: UnixMillis(7), ..Selection::default() }.span();
        assert_eq!(span.ends(), (UnixMillis(5), UnixMillis(7)));
    }
}

//! How many pages listen for news at once: so many of the server, and so many of one person or one portal, so that none
//! keeps the others from listening.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use semnal_core::id::{ApplicationId, OrganisationId, UserId};

use super::problem::Problem;
use super::viewer::Viewer;

/// 1,000 pages of the server.
const STREAMS_MAX: usize = 1_000;
/// 50 pages of one person, or of everybody who came by portals of one application.
const STREAMS_OF_ONE_MAX: usize = 50;

/// Who listens: a user, or the portals of an application.
type Listener = (OrganisationId, Option<UserId>, Option<ApplicationId>);

/// Counts the pages that listen.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<HashMap<Listener, usize>>,
}

/// A place among them; it is free again when this is dropped.
pub(super) struct Place {
    streams: Arc<Streams>,
    listener: Listener,
}

impl Streams {
    /// Takes a place.
    ///
    /// # Errors
    /// [`Problem::TooManyStreams`].
    pub(super) fn take(self: &Arc<Streams>, viewer: &Viewer) -> Result<Place, Problem> {
        let listener = viewer.who();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&listener).copied().unwrap_or(0);
        if all >= STREAMS_MAX || own >= STREAMS_OF_ONE_MAX {
            return Err(Problem::TooManyStreams);
        }
        open.insert(listener, own + 1);
        Ok(Place { streams: self.clone(), listener })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.listener) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.listener);
            }
        }
    }
}

//! Events in the guest about objects that could not be reconciled.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter as Source};
use tracing::warn;

use super::error::ReconcileError;

/// The number of failures before the first Event. A transient error, such as a write conflict, is over by then (0.4 s).
const TRIES_IN_SILENCE: u32 = 4;

/// The minimum interval between two Events with the same note about the same object.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// A note that is repeated within this time increases the count of its first Event; later it becomes an Event of its own.
const COUNTED_FOR: Duration = Duration::from_mins(6);

/// The maximum number of different Events of an object at a time. Some notes have sizes and seconds, which change each time.
const EVENTS_OF_ONE: usize = 20;

/// The maximum length of a note that the API accepts.
const LONGEST_NOTE: usize = 1024;

/// Recorder of Events in the guest.
pub(crate) struct EventRecorder {
    guest: Client,
    said: Mutex<HashMap<(String, String), Said>>,
}

/// The time of the last Event about an object, and the recorders of its notes.
struct Said {
    at: Instant,
    /// One for each note: a recorder takes Events about an object that differ in nothing but their notes for the same one, and
    /// would drop all notes but the first.
    recorder: Recorder,
}

impl std::fmt::Debug for EventRecorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EventRecorder")
    }
}

impl EventRecorder {
    /// Creates a recorder for a guest.
    pub(crate) fn new(guest: Client) -> Self {
        Self {
            guest,
            said: Mutex::default(),
        }
    }

    /// Records an Event about a failure, unless the failure may be transient or was just reported.
    pub(crate) async fn failed(&self, about: &ObjectReference, failure: &ReconcileError, tries: u32) {
        if failure.is_lasting() || tries >= TRIES_IN_SILENCE {
            self.say(about, EventType::Warning, "SyncError", failure.message())
                .await;
        }
    }

    /// Records an Event about a guest object that its owner may want to change.
    pub(crate) async fn warn(&self, about: &ObjectReference, reason: &str, note: String) {
        self.say(about, EventType::Warning, reason, note).await;
    }

    async fn say(&self, about: &ObjectReference, type_: EventType, reason: &str, mut note: String) {
        let Some(recorder) = self.due(about, &note) else {
            return;
        };
        while note.len() > LONGEST_NOTE {
            note.pop();
        }
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Sync".to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, about).await {
            warn!(error = &error as &dyn std::error::Error, name = ?about.name, "could not write an event");
        }
    }

    /// Returns the recorder for a note, unless the note was just recorded.
    fn due(&self, about: &ObjectReference, note: &str) -> Option<Recorder> {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, said| now.duration_since(said.at) < COUNTED_FOR);
        let whose = about
            .uid
            .clone()
            .or_else(|| about.name.clone())
            .unwrap_or_default();
        let of_it = said.keys().filter(|(other, _)| *other == whose).count();
        match said.entry((whose, note.to_owned())) {
            Entry::Vacant(_) if of_it >= EVENTS_OF_ONE => None,
            Entry::Vacant(first) => {
                let recorder = Recorder::new(self.guest.clone(), source());
                Some(first.insert(Said { at: now, recorder }).recorder.clone())
            }
            Entry::Occupied(mut again) => {
                let again = again.get_mut();
                (now.duration_since(again.at) >= AGAIN_AFTER).then(|| {
                    again.at = now;
                    again.recorder.clone()
                })
            }
        }
    }
}

fn source() -> Source {
    Source {
        controller: "vcluster-syncer".to_owned(),
        instance: None,
    }
}

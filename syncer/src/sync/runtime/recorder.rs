//! Telling the tenant, by Events in the guest, what could not be brought in step and why.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter as Source};
use tracing::warn;

use super::error::ReconcileError;

/// What passes by itself, such as a write that met another, is over before this many tries (0.4 s).
const TRIES_IN_SILENCE: u32 = 4;

/// The same words about the same object are said at most this often.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// A note that comes again within this is counted in its first Event; later it is an Event of its own.
const COUNTED_FOR: Duration = Duration::from_mins(6);

/// An object has at most this many different Events at a time. Some words tell sizes and seconds, which change with each try.
const EVENTS_OF_ONE: usize = 20;

/// The API takes no longer note.
const LONGEST_NOTE: usize = 1024;

/// Writes Events to the guest.
pub(crate) struct EventRecorder {
    guest: Client,
    said: Mutex<HashMap<(String, String), Said>>,
}

/// The last time that something was said about an object, and what counts how often.
struct Said {
    at: Instant,
    /// One for each note: a recorder takes Events about an object that differ in nothing but their notes for the same one, and
    /// would drop all notes but the first.
    recorder: Recorder,
}

impl std::fmt::Debug for EventRecorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reporter")
    }
}

impl EventRecorder {
    /// Makes a reporter for a guest.
    pub(crate) fn new(guest: Client) -> Self {
        Self {
            guest,
            said: Mutex::default(),
        }
    }

    /// Reports a failure about a guest object, unless it may well pass by itself or was just reported.
    pub(crate) async fn failed(&self, about: &ObjectReference, failure: &ReconcileError, tries: u32) {
        if failure.is_lasting() || tries >= TRIES_IN_SILENCE {
            self.say(about, EventType::Warning, "SyncError", failure.message())
                .await;
        }
    }

    /// Reports something about a guest object that its owner may want to change.
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

    /// Returns the recorder for a note, unless it was just said.
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

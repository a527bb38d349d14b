//! Telling the tenant, by Events in the guest, what could not be brought in step and why.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter as Source};
use tracing::warn;

use super::failure::Failure;

/// What passes by itself, such as a write that met another, is over before this many tries (0.4 s).
const TRIES_IN_SILENCE: u32 = 4;

/// The same words about the same object are said at most this often.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The API takes no longer note.
const LONGEST_NOTE: usize = 1024;

/// Writes Events to the guest.
pub(crate) struct Reporter {
    recorder: Recorder,
    said: Mutex<HashMap<(String, String), Instant>>,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reporter")
    }
}

impl Reporter {
    /// Makes a reporter for a guest.
    pub(crate) fn new(guest: Client) -> Self {
        let source = Source {
            controller: "vcluster-syncer".to_owned(),
            instance: None,
        };
        Self {
            recorder: Recorder::new(guest, source),
            said: Mutex::default(),
        }
    }

    /// Reports a failure about a guest object, unless it may well pass by itself or was just reported.
    pub(crate) async fn failed(&self, about: &ObjectReference, failure: &Failure, tries: u32) {
        if failure.is_lasting() || tries >= TRIES_IN_SILENCE {
            self.say(about, EventType::Warning, "SyncError", failure.words())
                .await;
        }
    }

    /// Reports something about a guest object that its owner may want to change.
    pub(crate) async fn warn(&self, about: &ObjectReference, reason: &str, note: String) {
        self.say(about, EventType::Warning, reason, note).await;
    }

    async fn say(&self, about: &ObjectReference, type_: EventType, reason: &str, mut note: String) {
        if !self.is_due(about, &note) {
            return;
        }
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
        if let Err(error) = self.recorder.publish(&event, about).await {
            warn!(error = &error as &dyn std::error::Error, name = ?about.name, "could not write an event");
        }
    }

    fn is_due(&self, about: &ObjectReference, note: &str) -> bool {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.duration_since(*at) < AGAIN_AFTER);
        let whose = about
            .uid
            .clone()
            .or_else(|| about.name.clone())
            .unwrap_or_default();
        let first = !said.contains_key(&(whose.clone(), note.to_owned()));
        if first {
            said.insert((whose, note.to_owned()), now);
        }
        first
    }
}

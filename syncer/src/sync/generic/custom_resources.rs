//! The configured kinds: their CRDs are copied to the guest, then they are exported and imported.
//!
//! A kind that the host does not serve yet is retried; a CRD that the guest's administrator deletes is recreated.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use vcluster_values::kinds;
use vcluster_values::patches;

use self::configured::{Configured, configured};
use super::crds;
use super::export::Exporter;
use super::import::Importer;
use crate::discovery::{self, Served};
use crate::sync::from_host::projections::Projections;
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::readiness::Readiness;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::metadata;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::to_host::config_objects::ConfigObjects;
use crate::sync::to_host::references::References;

/// The export and import of one kind.
mod configured;

/// Interval of the check of a kind without changes; nothing is written if all is unchanged.
const RECHECK: Duration = Duration::from_secs(30);

/// Pause before the next check of a kind that the host may have just defined: its API takes a moment to serve it.
const LATER: Duration = Duration::from_secs(2);

/// Pause before the next check of a CRD that the guest does not serve yet.
const SOON: Duration = Duration::from_millis(50);

/// Workers per exporter or importer; each waits for the two APIs most of its time.
const WORKERS: usize = 16;

/// The way in which a kind's status is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The kind has a status subresource: the host's status is shown in the guest.
    Subresource,
    /// The kind has a status like any other field: the host's status is shown in the guest.
    Field,
    /// The kind has no status.
    None,
}

/// Reconciler of the configured kinds: copies their CRDs to the guest and starts their exporters and importers.
#[derive(Debug)]
pub(crate) struct CustomResources {
    context: Context,
    readiness: Readiness,
    references: Arc<References>,
    secrets: Arc<ConfigObjects>,
    configured: BTreeMap<Key, Configured>,
    guest: Arc<Store<ObjectMeta>>,
    host: Arc<Store<ObjectMeta>>,
    queue: WorkQueue,
    state: Mutex<HashMap<Key, State>>,
}

/// The state of a kind.
#[derive(Clone, Debug, Default)]
struct State {
    definition: Option<String>,
    /// The versions of the host's and the guest's CRD when they were last the same.
    same: Option<(Option<String>, Option<String>)>,
    /// The way in which the status is written, by the CRD.
    status: Option<Status>,
    started: bool,
}

/// Result of the copy of a CRD to the guest.
enum Defined {
    /// The guest serves the kind, or the kind has no CRD, as kinds that an API has built in. The CRD says how its status is
    /// written.
    Yes(Option<Status>),
    /// The guest does not serve the kind yet.
    NotYet,
}

impl CustomResources {
    /// Creates the reconciler; nothing runs yet, but `readiness` waits for each kind from now on.
    pub(crate) fn new(
        context: &Context,
        readiness: &Readiness,
        references: &Arc<References>,
        secrets: &Arc<ConfigObjects>,
    ) -> Arc<Self> {
        let configured = configured(context.config());
        for (key, kind) in &configured {
            readiness.expect(&kind.name());
            if kind.export.is_some() {
                references.expect(&key.name);
            }
        }
        Arc::new(Self {
            context: context.clone(),
            readiness: readiness.clone(),
            references: references.clone(),
            secrets: secrets.clone(),
            configured,
            guest: Arc::default(),
            host: Arc::default(),
            queue: WorkQueue::default(),
            state: Mutex::default(),
        })
    }

    /// Watches the CRDs of both sides.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let guests: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(self.context.guest());
        let changed = move |change| match change {
            Change::Object(definition) => reconciler.recheck(&definition.name),
            Change::Complete => {
                reconciler
                    .configured
                    .keys()
                    .cloned()
                    .for_each(|key| reconciler.queue.add(key));
                reconciler.queue.begin_initial_sync();
            }
        };
        self.context
            .watch_guest("CRDs", guests, &self.guest, metadata, changed);
        let reconciler = self.clone();
        let hosts: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(self.context.host());
        self.context
            .watch_host("CRDs", hosts, &self.host, metadata, move |change| {
                if let Change::Object(definition) = change {
                    reconciler.recheck(&definition.name);
                }
            });
    }

    /// Requeues the kinds that a CRD defines, or may define.
    fn recheck(&self, definition: &str) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let defined = |key: &Key| state.get(key).and_then(|state| state.definition.as_deref());
        for (key, configured) in &self.configured {
            let concerned = match defined(key) {
                Some(name) => name == definition,
                None => configured.may_be(definition),
            };
            if concerned {
                self.queue.add(key.clone());
            }
        }
    }

    /// Writes the host's CRD to the guest.
    async fn define(&self, key: &Key, name: &str, version: &str) -> Result<Defined, ReconcileError> {
        let hosts: Api<CustomResourceDefinition> = Api::all(self.context.host());
        let guests: Api<CustomResourceDefinition> = Api::all(self.context.guest());
        let reading = || format!("read CRD {name} of the host");
        let found = hosts.get_metadata_opt(name).await.attempting(reading)?;
        let Some(host) = found else {
            return Ok(Defined::Yes(None));
        };
        let at = |meta: &ObjectMeta| meta.resource_version.clone();
        let guest = self.guest.get(&Key::new("", name));
        let same = (at(&host.metadata), guest.as_deref().and_then(at));
        let state = self.state(key);
        if guest.is_some() && state.same.as_ref() == Some(&same) {
            return Ok(Defined::Yes(state.status));
        }
        let found = hosts.get_opt(name).await.attempting(reading)?;
        let Some(host) = found else {
            return Ok(Defined::Yes(None));
        };
        let read = guests.get_opt(name).await;
        let guest = read.attempting(|| format!("read CRD {name} of the guest"))?;
        self.context
            .metrics()
            .write("guest", "CustomResourceDefinition", "apply");
        let params = PatchParams::apply(MANAGER).force();
        let written = guests
            .patch(
                name,
                &params,
                &Patch::Apply(crds::for_guest(&host, guest.as_ref())),
            )
            .await
            .attempting(|| format!("write CRD {name} to the guest"))?;
        if !crds::is_established(written.status.as_ref()) {
            return Ok(Defined::NotYet);
        }
        let same = (at(&host.metadata), at(&written.metadata));
        let status = crds::status(&host, version);
        self.change(key, |state| {
            state.same = Some(same);
            state.status = Some(status);
        });
        Ok(Defined::Yes(Some(status)))
    }

    fn start(
        &self,
        key: &Key,
        configured: &Configured,
        served: &Served,
        status: Status,
    ) -> Result<(), patches::Error> {
        let mut already = false;
        self.change(key, |state| already = std::mem::replace(&mut state.started, true));
        if already {
            return Ok(());
        }
        let (tasks, stop) = (self.context.tasks(), self.context.stop());
        let name = configured.name();
        let readiness = self.readiness.clone();
        let exporter = configured.export.clone().map(|export| {
            let exporter = Exporter::new(
                &self.context,
                export,
                served.resource.clone(),
                status,
                self.references.clone(),
                self.secrets.clone(),
            )?;
            exporter.watch();
            Reconciler::start(&exporter, WORKERS, &self.context, tasks, stop);
            Ok::<_, patches::Error>(exporter)
        });
        let exporter = exporter.transpose()?;
        let import = configured.import.clone();
        let copied = import.iter().flat_map(|import| {
            let everywhere = (!served.namespaced).then_some(None);
            let mappings = import.mappings.iter().cloned().map(Some);
            everywhere
                .into_iter()
                .chain(mappings)
                .map(move |mapping| (import, mapping))
        });
        let copies = copied.map(|(import, mapping)| {
            let kind = served.resource.clone();
            let copies = Projections::imported(&self.context, import, mapping, kind, status)?;
            copies.watch();
            Reconciler::start(&copies, WORKERS, &self.context, tasks, stop);
            Ok::<_, patches::Error>(copies)
        });
        let copies: Vec<_> = copies.collect::<Result<_, _>>()?;
        let import = import.filter(|_| copies.is_empty());
        let importer = import.map(|import| {
            let importer = Importer::of_kind(&self.context, import, served.resource.clone(), status)?;
            importer.watch();
            Reconciler::start(&importer, WORKERS, &self.context, tasks, stop);
            Ok::<_, patches::Error>(importer)
        });
        let importer = importer.transpose()?;
        let context = self.context.clone();
        let stop = stop.clone();
        tasks.spawn(async move {
            let passed = async {
                if let Some(exporter) = &exporter {
                    exporter.initial_sync(&context).await;
                }
                if let Some(importer) = &importer {
                    importer.initial_sync(&context).await;
                }
                for copies in &copies {
                    copies.initial_sync(&context).await;
                }
            };
            if stop.run_until_cancelled(passed).await.is_some() {
                readiness.passed(&name);
            }
        });
        Ok(())
    }

    fn state(&self, key: &Key) -> State {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
            .unwrap_or_default()
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut State)) {
        change(
            self.state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key.clone())
                .or_default(),
        );
    }

    /// Copies the CRD of a kind to the guest, and starts the kind's exporter and importer.
    async fn bring(&self, key: &Key, configured: &Configured) -> Result<Action, ReconcileError> {
        let Some(host) = served(&self.context.host(), configured).await? else {
            if configured.is_optional() {
                self.references.know(&key.name);
                self.readiness.passed(&configured.name());
                let is_near = self.host.any(|definition| {
                    let name = definition.name.as_deref();
                    name.is_some_and(|name| configured.may_be(name))
                });
                return Ok(Action::RequeueAfter(if is_near { LATER } else { RECHECK }));
            }
            return Err(ReconcileError::Refused(kinds::unknown(
                configured.lists(),
                &key.name,
            )));
        };
        let definition = host.definition();
        configured.fits(&host, &self.context.config().context())?;
        self.change(key, |state| state.definition = Some(definition.clone()));
        let mut status = if host.has_status {
            Status::Subresource
        } else {
            Status::None
        };
        if !host.resource.group.is_empty() {
            match self.define(key, &definition, &host.resource.version).await? {
                Defined::Yes(Some(defined)) => status = defined,
                Defined::Yes(None) => {}
                Defined::NotYet => return Ok(Action::RequeueAfter(SOON)),
            }
        }
        if !self.state(key).started && served(&self.context.guest(), configured).await?.is_none() {
            return Ok(Action::RequeueAfter(SOON));
        }
        self.start(key, configured, &host, status)
            .map_err(|error| ReconcileError::Refused(format!("its patches can't be used: {error}")))?;
        Ok(Action::RequeueAfter(RECHECK))
    }
}

impl Reconciler for CustomResources {
    fn name(&self) -> String {
        "kinds".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let name = self.state(key).definition?;
        let guest = self.guest.get(&Key::new("", name.clone()))?;
        Some(ObjectReference {
            api_version: Some("apiextensions.k8s.io/v1".to_owned()),
            kind: Some("CustomResourceDefinition".to_owned()),
            name: Some(name),
            uid: guest.uid.clone(),
            ..ObjectReference::default()
        })
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let Some(configured) = self.configured.get(key) else {
            return Ok(Action::AwaitChange);
        };
        let outcome = self.bring(key, configured).await;
        if let Err(failure) = &outcome {
            self.readiness.held_up(&configured.name(), failure.message());
        }
        outcome
    }
}

/// Returns a kind as one side serves it; `None` if it does not.
async fn served(client: &kube::Client, configured: &Configured) -> Result<Option<Served>, ReconcileError> {
    discovery::served(client, &configured.api_version, &configured.kind)
        .await
        .attempting(|| format!("ask what {} holds", configured.api_version))
}

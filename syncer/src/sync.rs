//! The engine: keeps guest and host in sync until it is stopped.
//!
//! It takes a [`Config`] and a client for each side, and returns a [`Readiness`] and [`Metrics`]. Each reconciler watches one kind on
//! both sides and enqueues the keys of changed objects. Reconciliation is level-triggered: it compares both objects and converges
//! them, whatever event triggered it, so changes missed during downtime are picked up by the initial sync.

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;
use vcluster_values::kinds::refusal;
use vcluster_values::patches;

pub use self::config::{Bounds, Config, Export, Import, Limits, Unnamed};
use self::from_host::events::{Events, Subjects};
use self::generic::custom_resources::CustomResources;
use self::generic::import::Importer;
use self::optional_kinds::OptionalKinds;
pub(crate) use self::pods::Own;
use self::pods::{Dependencies, Pods};
use self::runtime::context::Context;
pub(crate) use self::runtime::context::MANAGER;
pub(crate) use self::runtime::error::unless_gone;
use self::runtime::informer::Change;
use self::runtime::key::Key;
pub use self::runtime::metrics::Metrics;
pub use self::runtime::readiness::Readiness;
use self::runtime::reconciler::Reconciler;
use self::to_host::config_objects::ConfigObjects;
use self::to_host::endpoint_slices::EndpointSlices;
use self::to_host::namespaces::Namespaces;
use self::to_host::references::{ConfigObject, References};
use self::to_host::services::Services;
pub(crate) use self::write::ownership::{is_copy_of, is_made_from};

/// The engine's configuration.
mod config;

/// The machinery that all reconcilers share.
pub(crate) mod runtime;

/// Writes of single objects.
pub(crate) mod write;

/// Kubernetes' own kinds from the guest to the host.
mod to_host;

/// Objects of the host that the guest shows.
mod from_host;

/// The kinds that the values export and import.
mod generic;

/// Pods, their tokens and their nodes.
mod pods;

/// Kubernetes' own kinds that the values can switch off.
mod optional_kinds;

/// Failure to start the engine. A failure for one object is retried and is never reported here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An export or import is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// A patch can't be read.
    #[error("read the patches of an export or import rule")]
    Patches(#[from] patches::Error),
    /// The configuration shows Secrets that have to stay hidden.
    #[error(
        "show the Secrets of {0}: the keys of the control plane are among the Secrets of its namespace; map single Secrets by name"
    )]
    Keys(String),
}

/// Workers of a kind with many objects.
const MANY: usize = 8;

/// Workers of a kind with few objects.
const FEW: usize = 4;

/// Runs the engine until `shutdown` is cancelled; writes that have begun are finished first.
pub async fn run(
    config: Config,
    host: Client,
    guest: Client,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    can_do(&config)?;
    let context = Context::new(config, host, guest, metrics, shutdown);
    let references: Arc<References> = Arc::default();
    let namespaces = Namespaces::new(&context);
    let config_maps = ConfigObjects::new(&context, ConfigObject::ConfigMap, &references);
    let secrets = ConfigObjects::new(&context, ConfigObject::Secret, &references);
    let services = Services::new(&context);
    let slices = EndpointSlices::new(&context, &services);
    let kinds = CustomResources::new(&context, &readiness, &references, &secrets);
    let core = OptionalKinds::new(&context, &references);
    let dependencies = Dependencies {
        references,
        priority_classes: core.classes("PriorityClass"),
        runtime_classes: core.classes("RuntimeClass"),
        copied_nodes: core.classes("Node"),
        accounts: core.accounts(),
        config_maps: config_maps.clone(),
        secrets: secrets.clone(),
        services: services.clone(),
    };
    let pods = Pods::new(&context, dependencies);
    let events = Events::new(&context, Subjects::Pods(pods.clone()));
    let importer = importer_of_pods(&context, &pods)?;

    start(&context, &readiness, &namespaces, FEW);
    start(&context, &readiness, &config_maps, MANY);
    start(&context, &readiness, &secrets, MANY);
    start(&context, &readiness, &services, FEW);
    start(&context, &readiness, &slices, FEW);
    start(&context, &readiness, pods.tokens(), MANY);
    start(&context, &readiness, pods.nodes(), 1);
    start(&context, &readiness, &pods, MANY);
    start(&context, &readiness, &kinds, FEW);
    core.start(&context, &readiness);
    if let Some(importer) = &importer {
        start(&context, &readiness, importer, FEW);
    }
    // What was said before can be told later: readiness does not wait for it.
    events.start(FEW, &context, context.tasks(), context.stop());
    readiness.started();

    let waiting = (pods.clone(), config_maps.clone());
    config_maps.watch(
        recheck(&pods, ConfigObject::ConfigMap),
        move |namespace, change| {
            let (pods, config_maps) = &waiting;
            match change {
                Change::Object(host) => {
                    pods.recheck_naming(ConfigObject::ConfigMap, &config_maps.guest_key(host));
                }
                Change::Complete => pods.recheck_namespace(namespace),
            }
        },
    );
    let waiting = pods.clone();
    secrets.watch(
        recheck(&pods, ConfigObject::Secret),
        move |namespace, change| match change {
            Change::Object(host) => {
                waiting.recheck_naming(ConfigObject::Secret, host);
                waiting.tokens().seen(host);
            }
            Change::Complete => {
                waiting.recheck_tokens(namespace);
                waiting.recheck_namespace(namespace);
            }
        },
    );
    let waiting = (pods.clone(), slices.clone());
    services.watch(move |key| {
        let (pods, slices) = &waiting;
        if *key == Key::new("kube-system", "kube-dns") {
            pods.recheck_all();
        }
        slices.recheck(key);
    });
    slices.watch();
    pods.nodes().watch();
    let telling = events.clone();
    pods.watch(move |change| {
        telling.seen(change);
        if let Some(importer) = &importer {
            importer.seen(change);
        }
    });
    events.watch();
    core.watch(&context, &pods);
    kinds.watch();
    namespaces.watch();

    context.stop().cancelled().await;
    context.tasks().close();
    context.tasks().wait().await;
    Ok(())
}

/// Requeues the pods and objects that wait for a guest's ConfigMap or Secret.
fn recheck(pods: &Arc<Pods>, payload: ConfigObject) -> impl Fn(&Change) + Send + use<> {
    let pods = pods.clone();
    move |change| match change {
        Change::Object(key) => pods.recheck_naming(payload, key),
        Change::Complete => pods.recheck_all(),
    }
}

/// Returns the reconciler that shows foreign pods, if the values import pods.
fn importer_of_pods(context: &Context, pods: &Arc<Pods>) -> Result<Option<Arc<Importer>>, Error> {
    let mut imports = context.config().imports.iter();
    let import = imports.find(|import| import.is_of_pods());
    let importer = import.map(|import| Importer::of_pods(context, import.clone(), pods));
    Ok(importer.transpose()?)
}

/// Starts a reconciler's workers, and makes readiness wait for its initial sync.
fn start<P: Reconciler>(context: &Context, readiness: &Readiness, reconciler: &Arc<P>, workers: usize) {
    let name = reconciler.name();
    readiness.expect(&name);
    reconciler.start(workers, context, context.tasks(), context.stop());
    let (reconciler, readiness, context) = (reconciler.clone(), readiness.clone(), context.clone());
    context.tasks().clone().spawn(async move {
        let passed = reconciler.initial_sync(&context);
        if context.stop().run_until_cancelled(passed).await.is_some() {
            readiness.passed(&name);
        }
    });
}

/// Refuses exports and imports that no host supports, and a mapping that shows the Secrets of the control plane's namespace.
fn can_do(config: &Config) -> Result<(), Error> {
    let own = config.tenant.namespace();
    let mut secrets = config.from_host.secrets.iter();
    if let Some(mapping) = secrets.find(|mapping| mapping.is_all_of(own)) {
        return Err(Error::Keys(mapping.to_string()));
    }
    let context = config.context();
    let exports = config.exports.iter().map(Export::entry);
    let imports = config.imports.iter().map(Import::entry);
    let mut entries = exports.chain(imports);
    match entries.find_map(|entry| refusal(&entry, None, &context)) {
        Some(why) => Err(Error::Unsupported(why)),
        None => Ok(()),
    }
}

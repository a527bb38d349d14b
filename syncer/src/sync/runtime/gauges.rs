//! Gauges of the engine: the sizes of its stores and queues. They are read on request: a number that is kept up to date would
//! be wrong as soon as one place forgets to.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::budget::Budget;
use super::informer::Store;
use super::reconciler::Reconciler;

/// The stores that are counted, by side and controller, and the work queues, by controller. Clones count the same ones.
#[derive(Clone, Default)]
pub(crate) struct Gauges(Arc<Mutex<Sources>>);

#[derive(Default)]
struct Sources {
    objects: BTreeMap<(&'static str, String), Source>,
    queued: BTreeMap<String, Source>,
    budget: Option<Budget>,
}

/// Nothing when what it counts is gone.
type Source = Box<dyn Fn() -> Option<usize> + Send>;

impl Gauges {
    /// Counts the objects in a store.
    pub(crate) fn hold<T: Send + Sync + 'static>(
        &self,
        side: &'static str,
        what: &str,
        store: &Arc<Store<T>>,
    ) {
        let store = Arc::downgrade(store);
        let count = move || Weak::upgrade(&store).map(|store| store.len());
        self.change(|sources| sources.objects.insert((side, what.to_owned()), Box::new(count)));
    }

    /// Counts the keys in a work queue that wait for a worker.
    pub(crate) fn queue(&self, reconciler: &Arc<impl Reconciler>) {
        let name = reconciler.name();
        let reconciler = Arc::downgrade(reconciler);
        let count = move || Weak::upgrade(&reconciler).map(|reconciler| reconciler.queue().len());
        self.change(|sources| sources.queued.insert(name, Box::new(count)));
    }

    /// Counts the bytes that are kept on the host.
    pub(crate) fn budget(&self, budget: &Budget) {
        self.change(|sources| sources.budget = Some(budget.clone()));
    }

    fn change<R>(&self, change: impl FnOnce(&mut Sources) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Debug for Gauges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (objects, queued) = self.change(|sources| (sources.objects.len(), sources.queued.len()));
        write!(formatter, "Gauges({objects} stores, {queued} queues)")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.change(|sources| {
            let objects = (sources.objects.iter()).filter_map(|((side, what), count)| {
                Some((vec![("side", *side), ("controller", &**what)], count()?))
            });
            write(
                &mut encoder,
                "syncer_objects",
                "Objects in the store of a controller, by side",
                objects,
            )?;
            let queued = (sources.queued.iter())
                .filter_map(|(name, count)| Some((vec![("controller", &**name)], count()?)));
            write(
                &mut encoder,
                "syncer_workqueue_depth",
                "Objects that wait to be reconciled, by controller",
                queued,
            )?;
            let Some(budget) = &sources.budget else {
                return Ok(());
            };
            let metric = encoder.encode_descriptor(
                "syncer_host_bytes",
                "Bytes of the objects that are kept on the host",
                None,
                MetricType::Gauge,
            )?;
            let bytes = i64::try_from(budget.total()).unwrap_or(i64::MAX);
            ConstGauge::new(bytes).encode(metric)
        })
    }
}

fn write<'labels>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counted: impl Iterator<Item = (Vec<(&'static str, &'labels str)>, usize)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, count) in counted {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        ConstGauge::new(count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

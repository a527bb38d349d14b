//! What the engine has at hand at this moment, read when it is asked for: a number that is kept up to date would be
//! wrong as soon as one place forgets to.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::budget::Budget;
use super::informer::Cache;
use super::reconciler::Part;

/// The caches that are counted, by side and by what they hold, and the queues, by part. Copies count the same ones.
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
    /// Counts the objects in a cache.
    pub(crate) fn hold<T: Send + Sync + 'static>(
        &self,
        side: &'static str,
        what: &str,
        cache: &Arc<Cache<T>>,
    ) {
        let cache = Arc::downgrade(cache);
        let count = move || Weak::upgrade(&cache).map(|cache| cache.len());
        self.change(|sources| sources.objects.insert((side, what.to_owned()), Box::new(count)));
    }

    /// Counts the keys that wait for a part to look at them.
    pub(crate) fn queue(&self, part: &Arc<impl Part>) {
        let name = part.name();
        let part = Arc::downgrade(part);
        let count = move || Weak::upgrade(&part).map(|part| part.queue().len());
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
        write!(formatter, "Gauges({objects} caches, {queued} queues)")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.change(|sources| {
            let objects = (sources.objects.iter()).filter_map(|((side, what), count)| {
                Some((vec![("side", *side), ("part", &**what)], count()?))
            });
            write(
                &mut encoder,
                "syncer_objects",
                "Objects that are known, by side and part",
                objects,
            )?;
            let queued =
                (sources.queued.iter()).filter_map(|(part, count)| Some((vec![("part", &**part)], count()?)));
            write(
                &mut encoder,
                "syncer_queue",
                "Objects that wait to be looked at, by part",
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

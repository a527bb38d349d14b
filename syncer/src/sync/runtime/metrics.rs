//! What the engine counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::gauges::Gauges;

/// The engine's counters and gauges; copies count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    passes: Family<Pass, Counter>,
    seconds: Family<Part, Histogram>,
    writes: Family<Write, Counter>,
    failures: Family<Fault, Counter>,
    gauges: Gauges,
}

impl Metrics {
    /// Registers what is counted, all named `syncer_…`.
    pub fn register(registry: &mut Registry) -> Self {
        let passes = Family::default();
        registry.register(
            "syncer_passes",
            "Looks at one object, by part and outcome",
            passes.clone(),
        );
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register(
            "syncer_pass_seconds",
            "How long a look at one object took",
            seconds.clone(),
        );
        let writes = Family::default();
        registry.register("syncer_writes", "Writes, by side, part and verb", writes.clone());
        let failures = Family::default();
        registry.register(
            "syncer_failures",
            "Looks that failed, by part and reason",
            failures.clone(),
        );
        let gauges = Gauges::default();
        registry.register_collector(Box::new(gauges.clone()));
        Self {
            passes,
            seconds,
            writes,
            failures,
            gauges,
        }
    }

    /// What is counted when it is asked for.
    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(crate) fn pass(&self, part: &str, outcome: &'static str, took: Duration) {
        self.passes
            .get_or_create(&Pass {
                part: part.to_owned(),
                outcome,
            })
            .inc();
        self.seconds
            .get_or_create(&Part {
                part: part.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    pub(crate) fn failure(&self, part: &str, reason: String) {
        self.failures
            .get_or_create(&Fault {
                part: part.to_owned(),
                reason,
            })
            .inc();
    }

    pub(crate) fn write(&self, side: &'static str, kind: &str, verb: &'static str) {
        self.writes
            .get_or_create(&Write {
                side,
                kind: kind.to_owned(),
                verb,
            })
            .inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fault {
    part: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    part: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    side: &'static str,
    kind: String,
    verb: &'static str,
}

/// From 0.5 ms, less than any request takes, to the 30 s after which clients give up.
fn histogram() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
    ])
}

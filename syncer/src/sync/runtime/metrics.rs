//! Counters of the engine.

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
    reconciled: Family<Outcome, Counter>,
    seconds: Family<Controller, Histogram>,
    writes: Family<Write, Counter>,
    failures: Family<Failure, Counter>,
    gauges: Gauges,
}

impl Metrics {
    /// Registers what is counted, all named `syncer_…`.
    pub fn register(registry: &mut Registry) -> Self {
        let reconciled = Family::default();
        registry.register(
            "syncer_reconcile",
            "Reconciliations of one object, by controller and outcome",
            reconciled.clone(),
        );
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register(
            "syncer_reconcile_duration_seconds",
            "Duration of the reconciliation of one object",
            seconds.clone(),
        );
        let writes = Family::default();
        registry.register("syncer_writes", "Writes, by side, kind and verb", writes.clone());
        let failures = Family::default();
        registry.register(
            "syncer_failures",
            "Failed reconciliations, by controller and reason",
            failures.clone(),
        );
        let gauges = Gauges::default();
        registry.register_collector(Box::new(gauges.clone()));
        Self {
            reconciled,
            seconds,
            writes,
            failures,
            gauges,
        }
    }

    /// Returns the gauges, which are read on request.
    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    pub(crate) fn reconciled(&self, controller: &str, outcome: &'static str, took: Duration) {
        self.reconciled
            .get_or_create(&Outcome {
                controller: controller.to_owned(),
                outcome,
            })
            .inc();
        self.seconds
            .get_or_create(&Controller {
                controller: controller.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    pub(crate) fn failure(&self, controller: &str, reason: String) {
        self.failures
            .get_or_create(&Failure {
                controller: controller.to_owned(),
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
struct Failure {
    controller: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    controller: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: String,
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

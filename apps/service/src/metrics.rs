//! The metrics of `/metrics`.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds: a call to a sidecar with Redis behind it takes one or two milliseconds.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// The counters of one app. Every label takes few values, whatever a caller sends.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Route, Histogram>,
    calls: Family<Call, Counter>,
    call_seconds: Family<Operation, Histogram>,
    /// Writes that were repeated because another writer came first.
    pub conflicts: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Call {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Operation {
    operation: &'static str,
}

impl Metrics {
    /// Creates counters with the value 0.
    #[must_use]
    pub fn new() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(histogram),
            conflicts: Counter::default(),
        };
        let Self {
            registry,
            requests,
            request_seconds,
            calls,
            call_seconds,
            conflicts,
        } = &mut metrics;
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to answer",
            request_seconds.clone(),
        );
        registry.register("dapr_calls", "Calls to the sidecar", calls.clone());
        registry.register(
            "dapr_call_duration_seconds",
            "Time of a call to the sidecar",
            call_seconds.clone(),
        );
        registry.register(
            "write_conflicts",
            "Writes repeated after another writer",
            conflicts.clone(),
        );
        metrics
    }

    /// Counts an answered request. `route` is the pattern that matched, never the path that was asked for.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.request_seconds
            .get_or_create(&Route { route: route.clone() })
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&Request {
                method,
                route,
                status,
            })
            .inc();
    }

    /// Counts a call to the sidecar.
    pub fn called(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.call_seconds
            .get_or_create(&Operation { operation })
            .observe(took.as_secs_f64());
        self.calls.get_or_create(&Call { operation, outcome }).inc();
    }

    /// The media type of [`Metrics::text`].
    pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Returns all metrics in the format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

//! The tables, and the JSON that scripts depend on.

use super::*;
use crate::bench::memory::{Apps, Tenant};
use crate::bench::sync::{Burst, Floor};
use crate::bench::up::Stage;

fn sync_figures() -> sync::Figures {
    sync::Figures {
        create_ms: Latency {
            p50: 3.04,
            p90: 4.5,
            p99: 11.82,
            max: 12.0,
        },
        accept_ms: Latency {
            p50: 1.7,
            p90: 2.2,
            p99: 6.3,
            max: 7.01,
        },
        floor_ms: Floor {
            guest: 0.52,
            host: 0.48,
            apply: 0.9,
        },
        late_ms: Latency {
            p50: 0.9,
            p90: 1.1,
            p99: 1.3,
            max: 1.35,
        },
        burst: Burst {
            objects: 1000,
            guest_seconds: 4.812,
            host_seconds: 5.123,
        },
        update: alike(2.0),
        delete: alike(3.0),
    }
}

fn alike(times: f64) -> sync::Alike {
    let latency = |p50: f64| Latency {
        p50: p50 * times,
        p90: p50 * times + 1.0,
        p99: p50 * times + 2.0,
        max: p50 * times + 3.0,
    };
    sync::Alike {
        host_ms: latency(2.5),
        accept_ms: latency(1.5),
        burst: Burst {
            objects: 1000,
            guest_seconds: times,
            host_seconds: times + 0.5,
        },
    }
}

fn process(name: &str, pod: Option<&str>, rss_mb: f64, pss_mb: f64) -> Process {
    Process {
        name: name.to_owned(),
        pod: pod.map(ToOwned::to_owned),
        rss_mb,
        pss_mb,
    }
}

fn memory_figures() -> memory::Figures {
    memory::Figures {
        host_pss_mb: 352.5,
        host: vec![
            process("kube-apiserver", None, 310.0, 291.5),
            process("etcd", None, 62.5, 60.0),
            process("pause", Some("redis-0"), 1.5, 0.5),
            process("pause", Some("dapr-operator-7"), 1.5, 0.5),
        ],
        tenants: vec![Tenant {
            name: "tenant-1".to_owned(),
            pss_mb: 180.5,
            processes: vec![
                process("kube-apiserver", Some("tenant-1-0"), 250.0, 169.0),
                process("syncer", Some("tenant-1-0"), 14.0, 11.5),
            ],
            apps: Apps {
                pss_mb: 40.0,
                processes: vec![process("daprd", Some("write-app-1"), 88.0, 40.0)],
            },
        }],
        beside: vec!["default".to_owned()],
    }
}

fn up_figures() -> up::Figures {
    let stage = |name: &str, seconds: &[f64]| Stage {
        name: name.to_owned(),
        spread: Spread::of(seconds).unwrap(),
        seconds: seconds.to_vec(),
    };
    up::Figures {
        tenants: 1,
        runs: 3,
        ready_seconds: Spread::of(&[24.0, 22.0, 30.25]).unwrap(),
        stages: vec![
            stage("substrate", &[5.0, 4.0, 7.5]),
            stage("tenants", &[9.0, 8.5, 10.0]),
            stage("tenants/tenant-1", &[9.0, 8.5, 10.0]),
            stage("down", &[0.5, 0.25, 0.75]),
        ],
    }
}

#[test]
fn sync_for_people() {
    insta::assert_snapshot!(of_sync(&sync_figures(), "tenant-1"));
}

#[test]
fn sync_for_scripts() {
    insta::assert_json_snapshot!(sync_figures());
}

#[test]
fn memory_for_people() {
    insta::assert_snapshot!(of_memory(&memory_figures()));
}

#[test]
fn memory_for_scripts() {
    insta::assert_json_snapshot!(memory_figures());
}

#[test]
fn up_for_people() {
    insta::assert_snapshot!(of_up(&up_figures()));
}

#[test]
fn up_for_scripts() {
    insta::assert_json_snapshot!(up_figures());
}

//! The keys that are the chart's own, by their names in vcluster 0.15: the control plane's programs. In every dialect they are
//! also below `defaults`, for values that apply if the file has none.

use super::forms::Form;
use super::table::{Fate, Row, SAME, Shape};

/// A switch that `auto` leaves to the chart.
const SWITCH: Fate = match SAME {
    Fate::Read(_, to) => Fate::Read(Form::Auto, to),
    other => other,
};

/// The keys.
pub(super) const CHART: &[Row] = &[
    ("serviceCIDR", Shape::Text, SAME),
    ("defaultImageRegistry", Shape::Text, SAME),
    (
        "{etcd,api,controller,syncer}.{image,imagePullPolicy}",
        Shape::Text,
        SAME,
    ),
    ("{etcd,api,controller,syncer}.resources", Shape::Object, SAME),
    ("{etcd,api,controller,syncer}.extraArgs", Shape::Texts, SAME),
    ("etcd.storage.persistence", Shape::Switch, SWITCH),
    ("allowDataLoss", Shape::Bool, SAME),
    ("etcd.storage.{size,className}", Shape::Text, SAME),
    (
        "syncer.{nodeSelector,labels,annotations,podLabels,podAnnotations,serviceAnnotations}",
        Shape::Labels,
        SAME,
    ),
    ("syncer.affinity", Shape::Object, SAME),
    ("syncer.{tolerations,env}", Shape::Objects, SAME),
    (
        "syncer.{priorityClassName,logLevel,metricsAddress}",
        Shape::Text,
        SAME,
    ),
    ("coredns.enabled", Shape::Bool, SAME),
    ("coredns.image", Shape::Text, SAME),
    ("coredns.replicas", Shape::Whole, SAME),
    ("coredns.resources", Shape::Object, SAME),
    ("service.type", Shape::Text, SAME),
    ("serviceAccount.imagePullSecrets", Shape::Objects, SAME),
];

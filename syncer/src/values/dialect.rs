//! Every key of the dialect, and what becomes of it.
//!
//! The keys are those of vcluster 0.15's chart `vcluster-k8s` (`charts/k8s/values.yaml`), plus `serviceCIDR`.

use Fate::{Free, Idle, Only, Read, Refuse};

use super::tree::Tree;
use super::{Problem, What};

/// What becomes of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The syncer or the chart acts on it.
    Read,
    /// The chart hands it, and all below it, to Kubernetes as it is.
    Free,
    /// It says nothing of its own: its switch is another key, or it is vcluster's own bookkeeping.
    Idle,
    /// Fine with this value only; the text says why.
    Only(&'static str, &'static str),
    /// Fine as long as it is off; the text says what is not done.
    Refuse(&'static str),
}

/// The keys of a kind of document.
pub(super) struct Dialect {
    /// Paths and what becomes of them. `{a,b}` stands for several keys, `[]` for the items of a list.
    keys: &'static [(&'static str, Fate)],
}

const ONE_POD: &str = "the control plane is one pod";
const NEWER: &str = "this is the dialect of vcluster 0.20 and later; the syncer reads that of 0.15";
const NEWER_KEYS: &str =
    "{controlPlane,networking,experimental,exportKubeConfig,policies,rbacs,integrations}";

/// The keys of a values file.
pub(super) const VALUES: Dialect = Dialect {
    keys: &[
        ("fallbackHostDns", Read),
        ("multiNamespaceMode.enabled", Only("true", SINGLE_NAMESPACE)),
        ("serviceCIDR", Read),
        ("defaultImageRegistry", Read),
        (
            "sync.generic.{clusterRole,role}.extraRules[].{apiGroups,resources,resourceNames,verbs}",
            Free,
        ),
        (
            "sync.generic.{clusterRole,role}.extraRules[].nonResourceURLs",
            Refuse("rules are for resources only"),
        ),
        ("sync.generic.config", Read),
        (
            "sync.{pods,services,configmaps,secrets,endpoints,events}.enabled",
            Only("true", "it is always synced"),
        ),
        ("sync.{configmaps,secrets}.all", Idle),
        (
            "sync.pods.{ephemeralContainers,status}",
            Refuse("only a pod's own fields are synced"),
        ),
        (
            "sync.fake-nodes.enabled",
            Only("true", "a node that runs a pod is always shown"),
        ),
        (
            "sync.{persistentvolumeclaims,ingresses,networkpolicies,poddisruptionbudgets}.enabled",
            Read,
        ),
        ("sync.{ingressclasses,hoststorageclasses}.enabled", Read),
        ("sync.nodes.{enabled,syncAllNodes,nodeSelector}", Read),
        ("sync.{fake-persistentvolumes,serviceaccounts}.enabled", Idle),
        (
            "sync.nodes.{enableScheduler,syncNodeChanges}",
            Refuse("nodes of the host are shown, and never changed"),
        ),
        ("sync.nodes.fakeKubeletIPs", Idle),
        (
            "sync.{persistentvolumes,storageclasses,legacy-storageclasses,priorityclasses,volumesnapshots}.enabled",
            Refuse(
                "the syncer does not sync this kind; `sync.generic.config` can export it if it is namespaced",
            ),
        ),
        ("{etcd,api,controller,syncer}.{image,imagePullPolicy}", Read),
        ("{etcd,api,controller,syncer}.resources", Free),
        (
            "{etcd,api,controller,syncer,scheduler}.replicas",
            Only("1", ONE_POD),
        ),
        (
            "{etcd,api,controller}.{nodeSelector,affinity,tolerations,labels,annotations,podAnnotations,podLabels,priorityClassName,securityContext,serviceAnnotations}",
            Refuse("the control plane is one pod: set it under `syncer`"),
        ),
        ("{api,controller,etcd,syncer}.extraArgs", Read),
        (
            "syncer.{nodeSelector,affinity,tolerations,labels,annotations,podAnnotations,podLabels,serviceAnnotations}",
            Free,
        ),
        ("syncer.{priorityClassName,logLevel}", Read),
        (
            "syncer.{volumeMounts,extraVolumeMounts,env,volumes,securityContext,podSecurityContext}",
            Refuse("the pod's containers are as they are"),
        ),
        (
            "syncer.{livenessProbe,readinessProbe}.enabled",
            Only("true", "the probes are part of how the pod starts"),
        ),
        ("syncer.kubeConfigContextName", Idle),
        ("etcd.storage.{persistence,size,className}", Read),
        ("etcd.autoDeletePersistentVolumeClaims", Idle),
        (
            "scheduler.{image,imagePullPolicy,nodeSelector,affinity,tolerations,labels,annotations,podAnnotations,podLabels,resources,priorityClassName}",
            Idle,
        ),
        ("coredns.{enabled,image,replicas}", Read),
        ("coredns.resources", Free),
        (
            "coredns.{integrated,nodeSelector,config,manifests,podAnnotations,podLabels,plugin}",
            Refuse("the guest's DNS server is set up as it is"),
        ),
        (
            "coredns.service.type",
            Only("ClusterIP", "the guest's DNS server is for the guest"),
        ),
        (
            "coredns.service.{externalIPs,externalTrafficPolicy,annotations}",
            Refuse("the guest's DNS server is for the guest"),
        ),
        ("service.type", Read),
        (
            "service.{externalIPs,externalTrafficPolicy,loadBalancerIP,loadBalancerSourceRanges,loadBalancerClass}",
            Refuse("only the type of the Service can be set"),
        ),
        (
            "serviceAccount.create",
            Only(
                "true",
                "the name of the service account is what the host's policy goes by",
            ),
        ),
        (
            "serviceAccount.name",
            Refuse("the name of the service account is what the host's policy goes by"),
        ),
        ("serviceAccount.imagePullSecrets", Free),
        (
            "workloadServiceAccount.annotations",
            Refuse("it is not supported in multi-namespace mode"),
        ),
        (
            "rbac.{clusterRole,role}.{create,extended,excludedApiResources}",
            Idle,
        ),
        (
            "{globalAnnotations,plugin,headless,enableHA,pro,openshift.enable,monitoring.serviceMonitor.enabled,isolation.enabled,ingress.enabled}",
            Refuse("the syncer does not do this"),
        ),
        (
            "{isolation.{namespace,podSecurityStandard,nodeProxyPermission,resourceQuota,limitRange,networkPolicy},ingress.{pathType,ingressClassName,host,annotations,tls}}",
            Idle,
        ),
        (
            "{mapServices.{fromVirtual,fromHost},proxy.metricsServer.{nodes,pods}.enabled,admission.{validatingWebhooks,mutatingWebhooks},init.{manifests,manifestsTemplate,helm}}",
            Refuse("the syncer does not do this"),
        ),
        ("telemetry", Idle),
        (NEWER_KEYS, Refuse(NEWER)),
    ],
};

/// The keys of the text at `sync.generic.config`.
pub(super) const GENERIC: Dialect = Dialect {
    keys: &[
        ("version", Only("v1beta1", "it is the only version")),
        (
            "{export,import}[].{apiVersion,kind,optional,replaceOnConflict}",
            Read,
        ),
        ("export[].selector.labelSelector", Free),
        (
            "{export,import}[].{patches,reversePatches}",
            Refuse("objects are synced as they are; patches are not done"),
        ),
        ("hooks", Refuse("hooks are not done")),
    ],
};

const SINGLE_NAMESPACE: &str = "the syncer always gives each guest namespace a host namespace of its own, \
                                so multi-namespace mode has to be on";

/// What a values file has to say and does not.
pub(super) fn missing(values: &Tree) -> Option<Problem> {
    let said = matches!(values, Tree::Map(entries) if entries.iter().any(|(key, value)| {
        key.value == "multiNamespaceMode"
            && matches!(&value.value, Tree::Map(entries) if entries.iter().any(|(key, _)| key.value == "enabled"))
    }));
    let why = format!("not set, and off is its default; {SINGLE_NAMESPACE}");
    (!said).then(|| Problem {
        line: 0,
        what: What::NotDone {
            key: "multiNamespaceMode.enabled".to_owned(),
            why,
        },
    })
}

impl Dialect {
    /// Everything in a document that is not in the dialect, or that is not done.
    pub(super) fn check(&self, document: &Tree) -> Vec<Problem> {
        let known: Vec<(String, Fate)> = self
            .keys
            .iter()
            .flat_map(|(keys, fate)| expand(keys).into_iter().map(|key| (key, *fate)))
            .collect();
        let mut problems = Vec::new();
        walk(&known, document, "", 1, &mut problems);
        problems
    }
}

fn walk(known: &[(String, Fate)], tree: &Tree, path: &str, line: u64, problems: &mut Vec<Problem>) {
    let fate = known.iter().find(|(key, _)| key == path).map(|(_, fate)| *fate);
    let not_done = |why: &str| Problem {
        line,
        what: What::NotDone {
            key: shown(path),
            why: why.to_owned(),
        },
    };
    match (fate, tree) {
        (Some(Refuse(why)), tree) if !tree.is_off() => problems.push(not_done(why)),
        (Some(Only(value, why)), tree) if tree.plain().as_deref() != Some(value) => {
            problems.push(not_done(&format!("only {value} will do: {why}")));
        }
        (Some(_), _) | (None, Tree::Leaf(serde_json::Value::Null)) => {}
        (None, Tree::Map(entries)) => {
            for (key, value) in entries {
                let line = key.referenced.line();
                let below = if path.is_empty() {
                    key.value.clone()
                } else {
                    format!("{path}.{}", key.value)
                };
                if is_known(known, &below) {
                    walk(known, &value.value, &below, line, problems);
                } else {
                    let nearest = nearest(known, path, &key.value);
                    problems.push(Problem {
                        line,
                        what: What::Unknown {
                            key: shown(&below),
                            nearest,
                        },
                    });
                }
            }
        }
        (None, Tree::List(items)) => {
            let below = format!("{path}[]");
            if !is_known(known, &below) {
                problems.push(Problem {
                    line,
                    what: What::Malformed(format!("`{}` is no list", shown(path))),
                });
                return;
            }
            for item in items {
                walk(known, &item.value, &below, item.referenced.line(), problems);
            }
        }
        (None, Tree::Leaf(_)) => {
            let what = What::Malformed(format!("`{}` holds further keys, not a value", shown(path)));
            problems.push(Problem { line, what });
        }
    }
}

/// Whether a path is one of the known or on the way to one.
fn is_known(known: &[(String, Fate)], path: &str) -> bool {
    known.iter().any(|(key, _)| {
        key.strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    })
}

/// The known key that an unknown one was probably meant to be: one at the same place if any is spelled much like
/// it, else the likeliest anywhere.
fn nearest(known: &[(String, Fate)], parent: &str, key: &str) -> String {
    /// Jaro-Winkler of `confg` and `config` is 0.96, of `extraRules` and `export` 0.77.
    const ALIKE: f64 = 0.8;
    let likeness = |path: &str| strsim::jaro_winkler(&last(path).to_lowercase(), &key.to_lowercase());
    let best = |candidates: Vec<String>| {
        candidates
            .into_iter()
            .map(|path| (likeness(&path), path))
            .min_by(|one, other| other.0.total_cmp(&one.0))
    };
    let everywhere: Vec<String> = known.iter().flat_map(|(key, _)| prefixes(key)).collect();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        everywhere.into_iter().partition(|path| parent_of(path) == parent);
    let (here, elsewhere) = (best(here), best(elsewhere));
    let chosen = match (here, elsewhere) {
        (Some(here), Some(elsewhere)) if here.0 < ALIKE && elsewhere.0 >= ALIKE => Some(elsewhere),
        (here, elsewhere) => here.or(elsewhere),
    };
    chosen.map(|(_, path)| shown(&path)).unwrap_or_default()
}

/// A path and all the paths on the way to it: `a`, `a.b[]`, `a.b[].c`.
fn prefixes(path: &str) -> Vec<String> {
    let ends = path.match_indices('.').map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| path[..end].to_owned()).collect()
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]")
}

/// A path as messages write it.
fn shown(path: &str) -> String {
    path.replace("[]", "")
}

/// Writes out the alternatives: `a.{b,c.{d,e}}` is `a.b`, `a.c.d` and `a.c.e`.
fn expand(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else {
        return vec![pattern.to_owned()];
    };
    let mut depth = 0;
    let mut parts = vec![open + 1];
    for (at, character) in pattern.char_indices().skip(open) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => parts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            parts.push(at + 1);
            break;
        }
    }
    let (before, after) = (
        &pattern[..open],
        &pattern[parts.last().copied().unwrap_or(pattern.len())..],
    );
    let alternatives = parts.windows(2).map(|ends| &pattern[ends[0]..ends[1] - 1]);
    alternatives
        .flat_map(|alternative| expand(&format!("{before}{alternative}{after}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_written_out() {
        assert_eq!(expand("a.{b,c.{d,e}}.f"), ["a.b.f", "a.c.d.f", "a.c.e.f"]);
        assert_eq!(expand("a"), ["a"]);
    }

    #[test]
    fn no_key_is_listed_twice() {
        let mut keys: Vec<String> = VALUES.keys.iter().flat_map(|(keys, _)| expand(keys)).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}

//! Attacks by a tenant's administrator, and by an intruder in a control plane, each with a control.
//!
//! At least two independent layers have to stop an attack. So each is made three times, with all layers but one switched off: by
//! the guest's API (the syncer), with the syncer's own token in a namespace without a Pod Security Standard (the chart's
//! admission policies), and by the host's administrator, whom the policies do not concern, in a namespace with the standard (Pod
//! Security admission). With all layers off it succeeds: nothing else refuses it.

use provision::wait::{self, Seen};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::rig::{Refusal, SOON, Side, Tenant, unique};

/// Pods that reach their node.
mod pods;

/// Pods that a mutating webhook of the host changes.
mod mutated;

/// Services, PVCs and Secrets.
mod objects;

/// Namespaces and their labels.
mod namespaces;

/// Everyday pods, and an upgrade under running ones.
mod compatible;

/// The layers on the host, each on its own.
struct Layers {
    /// The syncer's account in a namespace without a Pod Security Standard.
    policies: Side,
    /// The host's administrator in a namespace with the standard `baseline`.
    pod_security: Side,
    /// The host's administrator in the namespace without a standard.
    none: Side,
}

impl Layers {
    /// Creates the two namespaces, and returns their names.
    async fn create(tenant: &Tenant) -> [String; 2] {
        let admin = tenant.host().await;
        let suffix = tenant.host_namespace("default");
        let suffix = suffix.rsplit('-').next().expect("it has one").to_owned();
        // By its labels and its name, the namespace is the tenant's; no guest namespace goes with it.
        let open = format!("{}-{suffix}", unique("vcluster-open"));
        let strict = unique("strict");
        for (name, standard) in [(&open, None), (&strict, Some("baseline"))] {
            let mut labels = json!({
                "vcluster.loft.sh/vcluster-name": tenant.name(),
                "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
            });
            if let Some(standard) = standard {
                labels["pod-security.kubernetes.io/enforce"] = json!(standard);
            }
            admin
                .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
                .await;
        }
        let role = format!("vc-{}-v-{}-tenant", tenant.name(), tenant.namespace());
        let account = format!("vc-{}", tenant.name());
        admin
            .within(&open)
            .create(json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": account},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": tenant.namespace()}],
            }))
            .await;
        for namespace in [&open, &strict] {
            admin.within(namespace).appears("ServiceAccount", "default").await;
        }
        [open, strict]
    }

    /// Returns the layers around the tenant that tests share.
    async fn shared() -> Self {
        static NAMESPACES: OnceCell<[String; 2]> = OnceCell::const_new();
        let tenant = Tenant::shared().await;
        let [open, strict] = NAMESPACES.get_or_init(|| Self::create(&tenant)).await;
        let admin = tenant.host().await;
        let layers = Self {
            policies: tenant.account().await.within(open),
            pod_security: admin.within(strict),
            none: admin.within(open),
        };
        layers.are_in_force().await;
        layers
    }

    /// Waits until the API server evaluates the policies, which takes a moment after their creation.
    async fn are_in_force(&self) {
        let probes = [
            (
                "Pod",
                json!({"spec": {"hostPID": true, "containers": [{"name": "a", "image": "a"}]}}),
            ),
            (
                "Service",
                json!({"spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}}),
            ),
            ("PersistentVolumeClaim", claim(&json!({"volumeName": "theirs"}))),
            ("Secret", token_secret()),
        ];
        for (kind, probe) in probes {
            wait::until(format!("the policy on {kind}"), SOON, || async {
                Ok::<_, Refusal>(match attempt(&self.policies, kind, &probe).await {
                    Err(refusal) if refusal.code == 422 => Seen::Ready(()),
                    other => Seen::NotYet(format!("{other:?}")),
                })
            })
            .await
            .expect("it is in force");
        }
    }
}

/// Creates an object in a dry run.
async fn attempt(side: &Side, kind: &str, object: &Value) -> Result<Value, Refusal> {
    let mut object = object.clone();
    object["apiVersion"] = json!("v1");
    object["kind"] = json!(kind);
    object["metadata"]["name"] = json!(unique("attempt"));
    side.post(&format!("{}?dryRun=All", side.path(kind, "")), &object)
        .await
}

/// Returns a PVC with these fields besides the required ones.
fn claim(fields: &Value) -> Value {
    let mut claim = json!({"spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }});
    for (field, value) in fields.as_object().expect("it is a map") {
        claim["spec"][field] = value.clone();
    }
    claim
}

/// Returns a Secret that the host fills with a token.
fn token_secret() -> Value {
    json!({
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    })
}

/// Returns the name of an object.
fn name_of(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str();
    name.expect("it has one").to_owned()
}

/// Checks that a refusal contains the words.
fn says(refused: Result<Value, Refusal>, words: &str) {
    let refusal = refused.expect_err("it is refused");
    assert!(refusal.to_string().contains(words), "{refusal}");
}

//! Attempts to reach objects that are not the tenant's, and the layers that stop them, each on its own.

use harness::platform::canary;
use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::admission::Account;
use crate::eventually::{SOON, becomes, eventually};
use crate::namespace_pair::NamespacePair;
use crate::side::Side;
use crate::tenant::Tenant;

/// The label of a Pod Security Standard.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A layer between a tenant's pods and the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The syncer, before it writes.
    Syncer,
    /// The chart's admission policies, which apply to the virtual cluster's account.
    Policies,
    /// Pod Security admission, which applies to everybody.
    PodSecurity,
}

/// A pod that a tenant should not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its name.
    pub name: &'static str,
    spec: Value,
    /// The field by which it is refused.
    pub field: &'static str,
    /// True if the Pod Security Standard "baseline" knows the field.
    pub is_of_baseline: bool,
}

/// Returns one attempt of each kind.
#[must_use]
pub fn attempts() -> Vec<Attempt> {
    let of_container = |fields: Value| {
        let mut container = json!({"name": "app", "image": "none"});
        for (field, value) in fields.as_object().into_iter().flatten() {
            container[field] = value.clone();
        }
        json!({ "containers": [container] })
    };
    let of_pod = |field: &str, value: Value| {
        let mut spec = json!({"containers": [{"name": "app", "image": "none"}]});
        spec[field] = value;
        spec
    };
    let of_volume = |volume: Value| of_pod("volumes", json!([volume]));
    let attempt = |name, field, is_of_baseline, spec| Attempt {
        name,
        spec,
        field,
        is_of_baseline,
    };
    vec![
        attempt(
            "host-processes",
            "spec.hostPID",
            true,
            of_pod("hostPID", json!(true)),
        ),
        attempt(
            "host-files",
            "spec.volumes[0].hostPath",
            true,
            of_volume(json!({"name": "a", "hostPath": {"path": "/"}})),
        ),
        attempt(
            "privileged",
            "spec.containers[0].securityContext.privileged",
            true,
            of_container(json!({"securityContext": {"privileged": true}})),
        ),
        attempt(
            "capability",
            "spec.containers[0].securityContext.capabilities.add[0]",
            true,
            of_container(json!({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})),
        ),
        attempt(
            "host-port",
            "spec.containers[0].ports[0].hostPort",
            true,
            of_container(json!({"ports": [{"containerPort": 31999, "hostPort": 31999}]})),
        ),
        attempt(
            "unconfined",
            "spec.securityContext.seccompProfile.type",
            true,
            of_pod(
                "securityContext",
                json!({"seccompProfile": {"type": "Unconfined"}}),
            ),
        ),
        attempt(
            "probe",
            "spec.containers[0].livenessProbe.httpGet.host",
            true,
            of_container(json!({"livenessProbe": {"httpGet": {"port": 80, "host": "192.0.2.1"}}})),
        ),
        attempt(
            "nfs",
            "spec.volumes[0]",
            false,
            of_volume(json!({"name": "a", "nfs": {"server": "192.0.2.1", "path": "/"}})),
        ),
        attempt(
            "anothers-volume",
            "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.volumeName",
            false,
            of_volume(
                json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                    "volumeName": "theirs",
                }}}}),
            ),
        ),
        attempt(
            "all-taints",
            "spec.tolerations[0].key",
            false,
            of_pod("tolerations", json!([{"operator": "Exists"}])),
        ),
    ]
}

impl Attempt {
    fn pod(&self) -> anyhow::Result<v1::Pod> {
        Ok(serde_json::from_value(json!({
            "metadata": {"name": self.name},
            "spec": self.spec,
        }))?)
    }
}

/// A host namespace that is a tenant's by its name and labels, but has no guest namespace. It is the place to try one
/// of the host's layers without the others.
#[derive(Debug)]
pub struct Ground {
    side: Side,
    account: Account,
}

impl Ground {
    /// Creates the namespace. If a standard is given, Pod Security admission enforces it there.
    pub async fn make(tenant: &Tenant, stem: &str, standard: Option<&str>) -> anyhow::Result<Self> {
        let own = tenant.default_space().host().namespace().to_owned();
        let suffix = own.rsplit('-').next().unwrap_or_default();
        let name = format!("vcluster-{}-{suffix}", tenant.unique(stem));
        let client = tenant.environment().host().client.clone();
        let mut labels = json!({
            "vcluster.loft.sh/vcluster-name": tenant.name(),
            "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
        });
        if let Some(standard) = standard {
            labels[ENFORCE] = json!(standard);
        }
        let account = Account::of_tenant(tenant);
        let ground = Self {
            side: Side::new("host", client.clone(), name.clone()),
            account,
        };
        let namespaces: Api<v1::Namespace> = Api::all(client.clone());
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(namespace)?)
            .await?;
        let account = &ground.account;
        let bindings: Api<k8s_openapi::api::rbac::v1::RoleBinding> = Api::namespaced(client, &name);
        let role = format!("vc-{}-v-{}-tenant", tenant.name(), tenant.namespace());
        let binding = json!({
            "metadata": {"name": account.name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
        });
        bindings
            .create(&PostParams::default(), &serde_json::from_value(binding)?)
            .await?;
        becomes(format!("the account of pods in {name}"), SOON, true, || async {
            ground.side.takes_pods().await
        })
        .await?;
        becomes(
            format!("the rights of {} in {name}", account.name),
            SOON,
            true,
            || async {
                let client = ground.side.client();
                account
                    .may_read_secrets(client, Some(ground.side.namespace()))
                    .await
            },
        )
        .await?;
        Ok(ground)
    }

    /// Tries a pod as the virtual cluster's account, and returns the reason why it is refused. Nothing is created.
    pub async fn refuses_account(&self, attempt: &Attempt) -> anyhow::Result<Option<String>> {
        self.refuses(attempt, Some(&self.account.user())).await
    }

    /// Tries a pod as the host's administrator, whom the policies do not concern, and returns the reason why it is
    /// refused. Nothing is created.
    pub async fn refuses_administrator(&self, attempt: &Attempt) -> anyhow::Result<Option<String>> {
        self.refuses(attempt, None).await
    }

    async fn refuses(&self, attempt: &Attempt, user: Option<&str>) -> anyhow::Result<Option<String>> {
        let mut pod = attempt.pod()?;
        pod.metadata.namespace = Some(self.side.namespace().to_owned());
        let pods: Api<v1::Pod> = Api::namespaced(self.side.client().clone(), self.side.namespace());
        let only_try = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let created = match user {
            Some(user) => canary::create_as(self.side.client(), user, &pod, true).await,
            None => pods.create(&only_try, &pod).await,
        };
        match created {
            Ok(_) => Ok(None),
            Err(kube::Error::Api(status)) => Ok(Some(status.message.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the namespace, without waiting for it.
    pub async fn remove(self) -> anyhow::Result<()> {
        let namespaces: Api<v1::Namespace> = Api::all(self.side.client().clone());
        namespaces
            .delete(self.side.namespace(), &DeleteParams::default())
            .await?;
        Ok(())
    }
}

/// Creates a pod in the guest that must not be created on the host, and waits for an Event with the reason.
pub async fn gets_event(space: &NamespacePair, attempt: &Attempt) -> anyhow::Result<()> {
    create_pod(space, &attempt.pod()?).await?;
    event_of(space.guest(), attempt.name, attempt.field).await?;
    anyhow::ensure!(
        space
            .host()
            .pods()
            .await?
            .iter()
            .all(|pod| pod.name != attempt.name),
        "{} is on the host",
        attempt.name
    );
    Ok(())
}

/// Creates a pod in the guest, as soon as its namespace accepts pods.
pub async fn create_pod(space: &NamespacePair, pod: &v1::Pod) -> anyhow::Result<()> {
    let guest = space.guest();
    becomes(format!("the account of pods in {guest}"), SOON, true, || async {
        guest.takes_pods().await
    })
    .await?;
    let pods: Api<v1::Pod> = Api::namespaced(guest.client().clone(), guest.namespace());
    pods.create(&PostParams::default(), pod).await?;
    Ok(())
}

/// Waits until an Event about an object has these words.
pub async fn event_of(side: &Side, name: &str, words: &str) -> anyhow::Result<()> {
    event_of_any(side, &[name], words).await
}

/// Waits until an Event about one of several objects has these words.
pub async fn event_of_any(side: &Side, names: &[&str], words: &str) -> anyhow::Result<()> {
    event_with(side.client(), side.namespace(), names, words).await
}

/// Waits until an Event about a guest namespace has these words.
pub async fn event_of_namespace(space: &NamespacePair, words: &str) -> anyhow::Result<()> {
    let guest = space.guest();
    // Kubernetes keeps Events about cluster-scoped objects in this namespace.
    event_with(guest.client(), "default", &[guest.namespace()], words).await
}

async fn event_with(client: &Client, namespace: &str, names: &[&str], words: &str) -> anyhow::Result<()> {
    let events: Api<v1::Event> = Api::namespaced(client.clone(), namespace);
    let what = format!(
        "an Event about {} in {namespace} with `{words}`",
        names.join(" or ")
    );
    eventually(what, SOON, || async {
        let mut notes = Vec::new();
        for name in names {
            let about = ListParams::default().fields(&format!("involvedObject.name={name}"));
            let found = events.list(&about).await?;
            notes.extend(found.into_iter().filter_map(|event| event.message));
        }
        Ok(if notes.iter().any(|note| note.contains(words)) {
            Ok(())
        } else {
            Err(format!("{notes:?}"))
        })
    })
    .await
}

/// Creates an object as a tenant's account on the host, and returns the reason why it is refused. Nothing is kept.
pub async fn refuses_object(tenant: &Tenant, object: &Value) -> anyhow::Result<Option<String>> {
    let account = Account::of_tenant(tenant);
    let host = tenant.default_space().host().clone();
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let version = text("apiVersion");
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &text("kind")));
    let url = <DynamicObject as kube::Resource>::url_path(&resource, Some(host.namespace()));
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut request = kube::core::Request::new(url).create(&params, serde_json::to_vec(object)?)?;
    request
        .headers_mut()
        .insert("Impersonate-User", account.user().parse()?);
    match host.client().request::<DynamicObject>(request).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message.clone())),
        Err(error) => Err(error.into()),
    }
}

/// Labels a guest namespace.
pub async fn label(space: &NamespacePair, labels: Value) -> anyhow::Result<()> {
    let namespaces: Api<v1::Namespace> = Api::all(space.guest().client().clone());
    let change = Patch::Merge(json!({"metadata": {"labels": labels}}));
    namespaces
        .patch(space.guest().namespace(), &PatchParams::default(), &change)
        .await?;
    Ok(())
}

/// Returns the labels of the host namespace of a guest namespace, as soon as one of them has this value.
pub async fn labels_with(space: &NamespacePair, value: &str) -> anyhow::Result<Vec<(String, String)>> {
    let namespaces: Api<v1::Namespace> = Api::all(space.host().client().clone());
    eventually(
        format!("a label of {} to be {value}", space.host()),
        SOON,
        || async {
            let found = namespaces.get(space.host().namespace()).await?;
            let labels: Vec<_> = found.metadata.labels.unwrap_or_default().into_iter().collect();
            Ok(if labels.iter().any(|(_, found)| found == value) {
                Ok(labels)
            } else {
                Err(format!("{labels:?}"))
            })
        },
    )
    .await
}

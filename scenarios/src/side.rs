//! The objects of one side: Components, pods, and objects of any kind.

use std::fmt;

use anyhow::Context as _;
use harness::platform::dapr;
use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::component::{Component, Found};
use crate::eventually::{LATER, SOON, becomes, eventually};
use crate::object::Object;
use crate::pod::Pod;

/// The owner of a scenario's changes (server-side apply's field manager).
const MANAGER: &str = "scenario";

/// A finalizer: an object that has it is deleted only when the finalizer is removed.
const HOLD: &str = "shared-dapr/hold";

/// A namespace on one side.
#[derive(Clone)]
pub struct Side {
    which: &'static str,
    client: Client,
    namespace: String,
}

impl fmt::Debug for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.which, self.namespace)
    }
}

impl Side {
    pub(crate) const fn new(which: &'static str, client: Client, namespace: String) -> Self {
        Self {
            which,
            client,
            namespace,
        }
    }

    /// Returns its name on this side.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    fn components(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &dapr::components())
    }

    /// Declares a Component here, after the Secrets that it names. Without them, the syncer does not create it on the
    /// host.
    pub async fn apply(&self, component: &Component) -> anyhow::Result<Found> {
        let params = PatchParams::apply(MANAGER).force();
        let secrets: Api<v1::Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        for (name, key) in component.secrets() {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: "secret"},
            });
            secrets.patch(name, &params, &Patch::Apply(secret)).await?;
        }
        let object = Patch::Apply(component.object());
        Ok(self
            .components()
            .patch(component.name(), &params, &object)
            .await?
            .into())
    }

    /// Returns true if a Component can be created here. It is a dry run, which creates nothing.
    pub(crate) async fn takes(&self, component: Component) -> anyhow::Result<bool> {
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::apply(MANAGER)
        };
        let object = Patch::Apply(component.object());
        match self.components().patch(component.name(), &params, &object).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a metadata item of a Component that others have declared, as another client of the API would.
    pub async fn tamper(&self, component: &Component) -> anyhow::Result<Found> {
        let change = Patch::Merge(component.object());
        Ok(self
            .components()
            .patch(component.name(), &PatchParams::default(), &change)
            .await?
            .into())
    }

    /// Returns the Component of this name, if there is one.
    pub async fn component(&self, name: &str) -> anyhow::Result<Option<Found>> {
        Ok(self.components().get_opt(name).await?.map(Found::from))
    }

    /// Returns the names of all Components here.
    pub async fn components_named(&self) -> anyhow::Result<Vec<String>> {
        let list = self.components().list_metadata(&ListParams::default()).await?;
        Ok(list.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// Deletes a Component. If it has a finalizer, it disappears when the finalizer is removed.
    pub async fn delete(&self, name: &str) -> anyhow::Result<()> {
        self.components().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Adds a finalizer to a Component.
    pub async fn hold(&self, name: &str) -> anyhow::Result<()> {
        self.finalizers(name, &[HOLD]).await
    }

    /// Removes the finalizer of a Component.
    pub async fn remove_finalizer(&self, name: &str) -> anyhow::Result<()> {
        self.finalizers(name, &[]).await
    }

    async fn finalizers(&self, name: &str, finalizers: &[&str]) -> anyhow::Result<()> {
        let change = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        self.components()
            .patch(name, &PatchParams::default(), &change)
            .await?;
        Ok(())
    }

    /// Waits until a Component is here with exactly the declared content.
    pub async fn has(&self, component: &Component) -> anyhow::Result<Found> {
        let name = component.name();
        let declared = component.content();
        eventually(format!("{self} to have {name} as declared"), SOON, || async {
            let Some(found) = self.component(name).await? else {
                return Ok(Err("it is not there".to_owned()));
            };
            Ok(if found.is_going {
                Err("it is going".to_owned())
            } else if found.content == declared {
                Ok(found)
            } else {
                Err(format!("{:?} instead of {declared:?}", found.content))
            })
        })
        .await
    }

    /// Waits until a Component is here with another UID than this one.
    pub async fn has_other_than(&self, component: &Component, uid: &str) -> anyhow::Result<Found> {
        eventually(
            format!("{self} to have {} anew", component.name()),
            SOON,
            || async {
                let found = self.component(component.name()).await?;
                Ok(match found {
                    Some(found) if found.uid != uid && found.content == component.content() => Ok(found),
                    other => Err(format!("{other:?}")),
                })
            },
        )
        .await
    }

    /// Waits until a Component is not here.
    pub async fn has_no(&self, name: &str) -> anyhow::Result<()> {
        becomes(format!("{self} to have no {name}"), SOON, None, || {
            self.component(name)
        })
        .await
    }

    /// Waits until a Component is being deleted and still has its finalizer.
    pub async fn is_terminating(&self, name: &str) -> anyhow::Result<()> {
        eventually(format!("{name} to be going in {self}"), SOON, || async {
            let found = self.component(name).await?;
            Ok(if found.as_ref().is_some_and(|found| found.is_going) {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            })
        })
        .await
    }

    fn objects(&self, kind: &Object) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.resource())
    }

    /// Declares an object here.
    pub async fn declare(&self, object: &Object) -> anyhow::Result<()> {
        let params = PatchParams::apply(MANAGER).force();
        let declaration = Patch::Apply(object.declaration());
        self.objects(object)
            .patch(object.name(), &params, &declaration)
            .await
            .with_context(|| format!("declare {} in {self}", object.name()))?;
        Ok(())
    }

    fn of_kind(&self, group_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Creates an object of any kind here.
    pub async fn create(&self, object: &Value) -> anyhow::Result<()> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let api = self.of_kind(text("apiVersion"), text("kind"));
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let kind = object.types.as_ref().map_or("", |types| &types.kind);
        api.create(&PostParams::default(), &object)
            .await
            .with_context(|| format!("create a {kind} in {self}"))?;
        Ok(())
    }

    /// Returns the names of all objects of a kind here.
    pub async fn names_of(&self, group_version: &str, kind: &str) -> anyhow::Result<Vec<String>> {
        let api = self.of_kind(group_version, kind);
        let list = api.list_metadata(&ListParams::default()).await?;
        Ok(list.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// Waits until an object of a kind is here.
    pub async fn has_object(&self, group_version: &str, kind: &str, name: &str) -> anyhow::Result<()> {
        let what = format!("{self} to have {kind} {name}");
        becomes(what, SOON, true, || async {
            let names = self.names_of(group_version, kind).await?;
            Ok(names.iter().any(|found| found == name))
        })
        .await
    }

    /// Deletes an object of a kind.
    pub async fn delete_object(&self, group_version: &str, kind: &str, name: &str) -> anyhow::Result<()> {
        let api = self.of_kind(group_version, kind);
        api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until an object is here with each field of its spec as declared. A conversion between versions of the kind
    /// may have added other fields.
    pub async fn holds(&self, object: &Object) -> anyhow::Result<()> {
        let what = format!("{self} to hold {} as declared", object.name());
        eventually(what, SOON, || async {
            let found = self.objects(object).get_opt(object.name()).await?;
            let spec = found.map(|found| found.data["spec"].clone());
            let declared = object.spec().as_object().into_iter().flatten();
            let has = |(field, value): (&String, &Value)| {
                spec.as_ref().and_then(|spec| spec.get(field)) == Some(value)
            };
            Ok(if spec.is_some() && declared.clone().all(has) {
                Ok(())
            } else {
                Err(format!("{spec:?} instead of {:?}", object.spec()))
            })
        })
        .await
    }

    /// Returns true if the account that pods run as exists. Without it, a pod is refused.
    pub(crate) async fn takes_pods(&self) -> anyhow::Result<bool> {
        let accounts: Api<v1::ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(accounts.get_opt("default").await?.is_some())
    }

    /// Returns the pods of an app here, without those that are being deleted.
    pub async fn pods_of(&self, app: &str) -> anyhow::Result<Vec<Pod>> {
        self.list_pods(&format!("app={app}")).await
    }

    /// Returns all pods here, without those that are being deleted.
    pub async fn pods(&self) -> anyhow::Result<Vec<Pod>> {
        self.list_pods("").await
    }

    async fn list_pods(&self, labels: &str) -> anyhow::Result<Vec<Pod>> {
        let pods: Api<v1::Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let list = pods.list(&ListParams::default().labels(labels)).await?;
        Ok(list.iter().map(Pod::from).filter(|pod| !pod.is_going).collect())
    }

    /// Returns the one pod of an app here.
    pub async fn pod_of(&self, app: &str) -> anyhow::Result<Pod> {
        let mut pods = self.pods_of(app).await?;
        anyhow::ensure!(
            pods.len() == 1,
            "{} has {} pods in {self}, not one",
            app,
            pods.len()
        );
        Ok(pods.remove(0))
    }

    /// Returns the cluster IP of a Service here; empty, if it has none yet.
    pub async fn address_of(&self, service: &str) -> anyhow::Result<String> {
        let services: Api<v1::Service> = Api::namespaced(self.client.clone(), &self.namespace);
        let spec = services.get(service).await?.spec;
        Ok(spec.and_then(|spec| spec.cluster_ip).unwrap_or_default())
    }

    /// Waits until a pod is here with a container of this name.
    pub async fn shows_container(&self, pod: &str, container: &str) -> anyhow::Result<()> {
        let pods: Api<v1::Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        eventually(
            format!("pod {pod} in {self} to have container {container}"),
            SOON,
            || async {
                let spec = pods.get_opt(pod).await?.and_then(|pod| pod.spec);
                let names = spec.map(|spec| {
                    spec.containers
                        .into_iter()
                        .map(|found| found.name)
                        .collect::<Vec<_>>()
                });
                Ok(match names {
                    Some(names) if names.iter().any(|name| name == container) => Ok(()),
                    other => Err(format!("{other:?}")),
                })
            },
        )
        .await
    }

    /// Returns the reason why a container that was added to a pod here waits, if it does.
    pub async fn waits_for(&self, pod: &str, added: &str) -> anyhow::Result<Option<String>> {
        let pods: Api<v1::Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let status = pods.get(pod).await?.status.unwrap_or_default();
        let all = status.ephemeral_container_statuses.unwrap_or_default();
        let its = all.into_iter().find(|status| status.name == added);
        let waiting = its.and_then(|status| status.state?.waiting);
        Ok(waiting.and_then(|waiting| waiting.reason))
    }

    /// Waits until the one pod of an app here is ready, or not.
    pub async fn shows_ready(&self, app: &str, is_ready: bool) -> anyhow::Result<()> {
        let what = format!("the pod of {app} in {self} to be ready: {is_ready}");
        becomes(what, LATER, is_ready, || async {
            Ok(self.pod_of(app).await?.is_ready)
        })
        .await
    }
}

//! Requests to an API.

use std::fmt;
use std::path::Path;

use http::{Method, Request, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use provision::wait::{self, Seen};
use serde_json::{Value, json};

use super::SOON;

/// Maximum length of an object in a failure.
const LONGEST: usize = 4000;

/// A client of one side, for the objects of one of its namespaces or, if that is empty, for cluster-scoped objects.
#[derive(Clone)]
pub(crate) struct Side {
    client: Client,
    namespace: String,
}

/// An API's refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl Side {
    /// Connects to the API with the identity of a kubeconfig.
    pub(crate) async fn connect(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it was written");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        Self {
            client: Client::try_from(config.expect("it is complete")).expect("it is usable"),
            namespace: String::new(),
        }
    }

    /// Returns the same client for one namespace.
    pub(crate) fn within(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
        }
    }

    /// Returns the same client for cluster-scoped objects.
    pub(crate) fn everywhere(&self) -> Self {
        self.within("")
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Returns the namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns an error with the API's message if the API is not ready.
    pub(super) async fn is_ready(&self) -> Result<(), String> {
        let request = Request::get("/readyz").body(Vec::new()).expect("a request");
        match self.client.request_text(request).await {
            Ok(said) if said == "ok" => Ok(()),
            Ok(said) => Err(said),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Creates an object.
    pub(crate) async fn create(&self, object: Value) -> Value {
        let made = self.try_create(&object).await;
        made.unwrap_or_else(|refusal| panic!("it is made: {refusal}"))
    }

    /// Creates an object, or returns the refusal.
    pub(crate) async fn try_create(&self, object: &Value) -> Result<Value, Refusal> {
        let kind = object["kind"].as_str().expect("it has a kind");
        self.post(&self.path(kind, ""), object).await
    }

    /// Waits until an object is accepted, whose kind has to be served first.
    pub(crate) async fn takes(&self, path: &str, object: &Value) {
        wait::until(format!("{path} to be served"), SOON, || async {
            match self.post(path, object).await {
                Ok(_) => Ok(Seen::Ready(())),
                Err(refusal) if refusal.code == 404 => Ok(Seen::NotYet(refusal.to_string())),
                Err(refusal) => Err(refusal),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until a request is answered that the API passes on to another API, which it may have to find first.
    pub(crate) async fn answers(&self, path: &str) -> Value {
        wait::until(format!("{path} to be answered"), SOON, || async {
            match self.ask(Method::GET, path, "", None).await {
                Ok(answer) => Ok(Seen::Ready(answer)),
                Err(refusal) if matches!(refusal.code, 404 | 503) => Ok(Seen::NotYet(refusal.to_string())),
                Err(refusal) => Err(refusal),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns an object, if it exists.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        match self.ask(Method::GET, &self.path(kind, name), "", None).await {
            Ok(object) => Some(object),
            Err(refusal) if refusal.code == 404 => None,
            Err(refusal) => panic!("{kind} {name} can be read: {refusal}"),
        }
    }

    /// Returns all objects of a kind.
    pub(crate) async fn list(&self, kind: &str) -> Vec<Value> {
        let list = self.ask(Method::GET, &self.path(kind, ""), "", None).await;
        let mut list = list.unwrap_or_else(|refusal| panic!("{kind} can be listed: {refusal}"));
        serde_json::from_value(list["items"].take()).expect("it is a list")
    }

    /// Returns the names of all objects of a kind, in order.
    pub(crate) async fn names(&self, kind: &str) -> Vec<String> {
        let found = self.list(kind).await;
        let name = |found: &Value| found["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let mut names: Vec<String> = found.iter().map(name).collect();
        names.sort();
        names
    }

    /// Changes fields of an object; null removes one.
    pub(crate) async fn merge(&self, kind: &str, name: &str, changes: &Value) -> Value {
        self.merge_at(&self.path(kind, name), changes).await
    }

    /// Changes fields of an object's status.
    pub(crate) async fn merge_status(&self, kind: &str, name: &str, status: &Value) -> Value {
        let path = format!("{}/status", self.path(kind, name));
        self.merge_at(&path, &json!({"status": status})).await
    }

    async fn merge_at(&self, path: &str, changes: &Value) -> Value {
        let object = self.patch(path, changes).await;
        object.unwrap_or_else(|refusal| panic!("{path} can be changed: {refusal}"))
    }

    /// Deletes an object that exists.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let deleted = self.ask(Method::DELETE, &self.path(kind, name), "", None).await;
        deleted.unwrap_or_else(|refusal| panic!("{kind} {name} can be deleted: {refusal}"));
    }

    /// Posts to a path.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.ask(Method::POST, path, "application/json", Some(body)).await
    }

    /// Merges changes into the object at a path.
    pub(crate) async fn patch(&self, path: &str, changes: &Value) -> Result<Value, Refusal> {
        let content = "application/merge-patch+json";
        self.ask(Method::PATCH, path, content, Some(changes)).await
    }

    /// Sends any request.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, content)
            .body(body)
            .expect("a request");
        match self.client.request(request).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(Refusal {
                code: status.code,
                message: status.message.clone(),
            }),
            Err(error) => panic!("{path} is answered: {error:?}"),
        }
    }

    /// Returns the path of an object, or of all of its kind if the name is empty.
    pub(crate) fn path(&self, kind: &str, name: &str) -> String {
        let (api, plural) = resource(kind);
        let within = match self.namespace.as_str() {
            "" => String::new(),
            namespace => format!("/namespaces/{namespace}"),
        };
        let name = if name.is_empty() {
            String::new()
        } else {
            format!("/{name}")
        };
        format!("{api}{within}/{plural}{name}")
    }

    /// Waits until `look` accepts an object, and returns its result.
    pub(crate) async fn sees<T>(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        look: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let look = &look;
        wait::until(format!("{kind} {name} to be {what}"), SOON, || async move {
            let found = self.get(kind, name).await;
            Ok::<_, Refusal>(match found.as_ref().and_then(look) {
                Some(seen) => Seen::Ready(seen),
                None => {
                    Seen::NotYet(found.map_or_else(|| "it is not there".to_owned(), |found| shown(&found)))
                }
            })
        })
        .await
        .unwrap_or_else(|error| panic!("in {:?}: {error}", self.namespace))
    }

    /// Waits until an object exists.
    pub(crate) async fn appears(&self, kind: &str, name: &str) -> Value {
        self.sees(kind, name, "there", |found| Some(found.clone())).await
    }

    /// Waits until an object has a value at a path.
    pub(crate) async fn shows(&self, kind: &str, name: &str, place: &str, value: impl Into<Value>) -> Value {
        let value = value.into();
        let what = format!("{} at {place}", shown(&value));
        self.sees(kind, name, &what, |found| {
            (found.pointer(place) == Some(&value)).then(|| found.clone())
        })
        .await
    }

    /// Waits until an object is gone.
    pub(crate) async fn until_gone(&self, kind: &str, name: &str) {
        wait::until(format!("{kind} {name} to be gone"), SOON, || async move {
            Ok::<_, Refusal>(match self.get(kind, name).await {
                None => Seen::Ready(()),
                Some(found) => Seen::NotYet(shown(&found)),
            })
        })
        .await
        .unwrap_or_else(|error| panic!("in {:?}: {error}", self.namespace));
    }

    /// Waits until an Event of the syncer about an object contains these words.
    pub(crate) async fn has_event(&self, kind: &str, name: &str, words: &str) {
        wait::until(
            format!("an Event on {kind} {name}: {words}"),
            SOON,
            || async move {
                let events = self.list("Event").await;
                let about =
                    |event: &&Value| event["regarding"]["kind"] == kind && event["regarding"]["name"] == name;
                let notes: Vec<&Value> = events.iter().filter(about).map(|event| &event["note"]).collect();
                let says = |note: &&Value| note.as_str().is_some_and(|note| note.contains(words));
                Ok::<_, Refusal>(if notes.iter().any(says) {
                    Seen::Ready(())
                } else {
                    Seen::NotYet(format!("{notes:?}"))
                })
            },
        )
        .await
        .unwrap_or_else(|error| panic!("in {:?}: {error}", self.namespace));
    }
}

/// Returns the API and the plural of a kind.
fn resource(kind: &str) -> (&'static str, &'static str) {
    const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
    const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
    match kind {
        "APIService" => ("/apis/apiregistration.k8s.io/v1", "apiservices"),
        "Certificate" => ("/apis/cert-manager.io/v1", "certificates"),
        "ClusterRole" => (RBAC, "clusterroles"),
        "ClusterRoleBinding" => (RBAC, "clusterrolebindings"),
        "Component" => ("/apis/dapr.io/v1alpha1", "components"),
        "ConfigMap" => ("/api/v1", "configmaps"),
        "CustomResourceDefinition" => ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
        "Deployment" => ("/apis/apps/v1", "deployments"),
        "Gadget" => ("/apis/late.example.com/v1", "gadgets"),
        "Plan" => ("/apis/plans.example.com/v1", "plans"),
        "Beacon" => ("/apis/whole.example.com/v1", "beacons"),
        "Anchor" => ("/apis/whole.example.com/v1", "anchors"),
        "Job" => ("/apis/batch/v1", "jobs"),
        "LimitRange" => ("/api/v1", "limitranges"),
        "Lease" => ("/apis/coordination.k8s.io/v1", "leases"),
        "Lamp" => ("/apis/newest.example.com/v1", "beacons"),
        "Widget" => ("/apis/example.com/v1", "widgets"),
        "EndpointSlice" => ("/apis/discovery.k8s.io/v1", "endpointslices"),
        "Gauge" => ("/apis/versions.example.com/v2", "gauges"),
        "Event" => ("/apis/events.k8s.io/v1", "events"),
        "Ingress" => ("/apis/networking.k8s.io/v1", "ingresses"),
        "IngressClass" => ("/apis/networking.k8s.io/v1", "ingressclasses"),
        "Issuer" => ("/apis/cert-manager.io/v1", "issuers"),
        "MutatingAdmissionPolicy" => (ADMISSION, "mutatingadmissionpolicies"),
        "MutatingAdmissionPolicyBinding" => (ADMISSION, "mutatingadmissionpolicybindings"),
        "MutatingWebhookConfiguration" => (ADMISSION, "mutatingwebhookconfigurations"),
        "Namespace" => ("/api/v1", "namespaces"),
        "NetworkPolicy" => ("/apis/networking.k8s.io/v1", "networkpolicies"),
        "Node" => ("/api/v1", "nodes"),
        "NodeMetrics" => ("/apis/metrics.k8s.io/v1beta1", "nodes"),
        "PersistentVolume" => ("/api/v1", "persistentvolumes"),
        "PersistentVolumeClaim" => ("/api/v1", "persistentvolumeclaims"),
        "Pod" => ("/api/v1", "pods"),
        "PodMetrics" => ("/apis/metrics.k8s.io/v1beta1", "pods"),
        "PodDisruptionBudget" => ("/apis/policy/v1", "poddisruptionbudgets"),
        "PriorityClass" => ("/apis/scheduling.k8s.io/v1", "priorityclasses"),
        "ResourceQuota" => ("/api/v1", "resourcequotas"),
        "Role" => (RBAC, "roles"),
        "RoleBinding" => (RBAC, "rolebindings"),
        "RuntimeClass" => ("/apis/node.k8s.io/v1", "runtimeclasses"),
        "Secret" => ("/api/v1", "secrets"),
        "Endpoints" => ("/api/v1", "endpoints"),
        "Sensor" => ("/apis/imports.example.com/v1", "sensors"),
        "Service" => ("/api/v1", "services"),
        "Ship" => ("/apis/added.example.com/v1", "ships"),
        "ServiceAccount" => ("/api/v1", "serviceaccounts"),
        "StatefulSet" => ("/apis/apps/v1", "statefulsets"),
        "Stamp" => ("/apis/example.com/v1", "stamps"),
        "StorageClass" => ("/apis/storage.k8s.io/v1", "storageclasses"),
        "VolumeAttributesClass" => ("/apis/storage.k8s.io/v1", "volumeattributesclasses"),
        "ValidatingWebhookConfiguration" => (ADMISSION, "validatingwebhookconfigurations"),
        "ValidatingAdmissionPolicy" => (ADMISSION, "validatingadmissionpolicies"),
        "ValidatingAdmissionPolicyBinding" => (ADMISSION, "validatingadmissionpolicybindings"),
        other => panic!("{other} is not written down here"),
    }
}

/// Returns an object without its managed fields, as text of limited length.
fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    let text = object.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

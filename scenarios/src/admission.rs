//! The permissions of the host's accounts, and the accounts whose pods get a sidecar.

use harness::platform::canary;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::environment::Environment;
use crate::eventually::{SOON, becomes};
use crate::tenant::Tenant;

/// A service account of the host, by its namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Account {
    /// Returns the account that a tenant's control plane creates pods as.
    #[must_use]
    pub fn of_tenant(tenant: &Tenant) -> Self {
        Self {
            namespace: tenant.namespace().to_owned(),
            name: format!("vc-{}", tenant.name()),
        }
    }

    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Returns true if the account may create pods. The API server learns of a role binding a moment after its
    /// creation.
    async fn may_make_pods(&self, client: &Client) -> anyhow::Result<bool> {
        self.may(client, "create", "pods", Some(&self.namespace)).await
    }

    /// Returns true if the host lets the account read Secrets of a namespace, or of all namespaces at once.
    pub async fn may_read_secrets(&self, client: &Client, namespace: Option<&str>) -> anyhow::Result<bool> {
        self.may(client, "list", "secrets", namespace).await
    }

    async fn may(
        &self,
        client: &Client,
        verb: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> anyhow::Result<bool> {
        let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
        let question = json!({"spec": {
            "user": self.user(),
            "resourceAttributes": {"namespace": namespace, "resource": resource, "verb": verb},
        }});
        let answer = reviews
            .create(&PostParams::default(), &serde_json::from_value(question)?)
            .await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// Creates a service account in a new namespace of the host, where it may create pods.
pub async fn stranger(environment: &Environment, namespace: &str) -> anyhow::Result<Account> {
    let client = &environment.host().client;
    let account = Account {
        namespace: namespace.to_owned(),
        name: "stranger".to_owned(),
    };
    let as_is = PostParams::default();
    let namespaces: Api<v1::Namespace> = Api::all(client.clone());
    let roles: Api<rbac::Role> = Api::namespaced(client.clone(), namespace);
    let bindings: Api<rbac::RoleBinding> = Api::namespaced(client.clone(), namespace);
    namespaces
        .create(
            &as_is,
            &serde_json::from_value(json!({"metadata": {"name": namespace}}))?,
        )
        .await?;
    let role = json!({
        "metadata": {"name": account.name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
    });
    roles.create(&as_is, &serde_json::from_value(role)?).await?;
    let binding = json!({
        "metadata": {"name": account.name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account.name},
        "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": namespace}],
    });
    bindings.create(&as_is, &serde_json::from_value(binding)?).await?;
    becomes(
        format!("{} to be allowed to make pods", account.user()),
        SOON,
        true,
        || account.may_make_pods(client),
    )
    .await?;
    Ok(account)
}

/// Removes it and its namespace, without waiting for it.
pub async fn remove(environment: &Environment, account: Account) -> anyhow::Result<()> {
    let namespaces: Api<v1::Namespace> = Api::all(environment.host().client.clone());
    namespaces
        .delete(&account.namespace, &DeleteParams::default())
        .await?;
    Ok(())
}

/// Returns true if a pod that wants a sidecar would get one when `account` creates it in a host namespace. It is a
/// dry run, which creates nothing.
pub async fn gets_sidecar(client: &Client, account: &Account, namespace: &str) -> anyhow::Result<bool> {
    let pod: v1::Pod = serde_json::from_value(json!({
        "metadata": {
            "name": "asks-for-a-sidecar",
            "namespace": namespace,
            "annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "asks-for-a-sidecar"},
        },
        "spec": {
            "serviceAccountName": "default",
            "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "none"}],
        },
    }))?;
    let created = canary::create_as(client, &account.user(), &pod, true).await?;
    Ok(canary::has_sidecar(&created))
}

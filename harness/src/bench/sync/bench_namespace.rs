//! The namespace that a measurement has to itself, on both sides.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ObjectMeta, PostParams};
use kube::core::DynamicResourceScope;
use kube::{Client, Resource};
use provision::naming;
use provision::wait::{self, Budget, Seen};

use super::load::{self, Change};
use super::{Error, Observer};
use crate::answer::said;
use crate::bench::client;
use crate::environment::Attached;
use crate::platform::dapr;

/// A mirrored namespace comes at once; with both cores busy, after seconds.
const MIRRORED: Budget = Budget::seconds(60);

/// The namespace goes once its Components have, first in the guest, then on the host.
const GONE: Budget = Budget::seconds(180);

/// A new guest namespace and its mirror.
pub(super) struct BenchNamespace {
    /// The tenant's name.
    pub(super) tenant: String,
    /// Its API.
    pub(super) guest: Client,
    /// The host's.
    pub(super) host: Client,
    /// The namespace in the guest.
    pub(super) guest_namespace: String,
    /// The same on the host.
    host_namespace: String,
    kubeconfig: PathBuf,
}

impl BenchNamespace {
    /// Chooses a name that no other namespace has. It creates nothing yet.
    pub(super) async fn choose(attached: &Attached, tenant: &str) -> Result<Self, Error> {
        let has = attached.tenants.iter().find(|has| has.name == tenant);
        let tenant = has.ok_or_else(|| Error::NoTenant {
            tenant: tenant.to_owned(),
            environment: attached.name.clone(),
        })?;
        let guest_namespace = format!("bench-sync-{:08x}", fastrand::u32(..));
        Ok(Self {
            tenant: tenant.name.clone(),
            guest: client(&tenant.kubeconfig).await?,
            host: client(&attached.kubeconfig).await?,
            host_namespace: naming::host_namespace(&tenant.name, &tenant.namespace, &guest_namespace),
            guest_namespace,
            kubeconfig: tenant.kubeconfig.clone(),
        })
    }

    /// Makes the namespace, waits for its mirror, and shows that a Component gets through and is seen.
    ///
    /// So nothing that happens once only, a namespace's making or a connection's, is in the figures.
    pub(super) async fn prepare(&self) -> Result<Observer, Error> {
        let namespaces: Api<Namespace> = Api::all(self.guest.clone());
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(self.guest_namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let made = namespaces.create(&PostParams::default(), &namespace).await;
        made.map_err(Error::refused("make a namespace", &self.tenant))?;
        let mirrors: Api<Namespace> = Api::all(self.host.clone());
        wait::until(
            format!("the mirror of namespace {}", self.guest_namespace),
            MIRRORED,
            async || {
                let mirror = mirrors.get_metadata_opt(&self.host_namespace).await?;
                Ok::<_, kube::Error>(match mirror {
                    Some(_) => Seen::Ready(()),
                    None => Seen::not_yet(format!("no {} on the host", self.host_namespace)),
                })
            },
        )
        .await?;
        let mut observer = Observer::watch(self.mirrored());
        let probe = load::create(&self.components(self.guest.clone()), "probe".to_owned()).await;
        let probe = probe.map_err(Error::refused("make a Component", &self.tenant))?;
        observer.of(Change::Create, &[probe]).await?;
        Ok(observer)
    }

    /// Returns the API in which a client of the guest creates Components.
    pub(super) fn components(&self, client: Client) -> Api<DynamicObject> {
        Api::namespaced_with(client, &self.guest_namespace, &dapr::components())
    }

    /// Returns the API in which the Components are on the host.
    pub(super) fn mirrored<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
    {
        Api::namespaced_with(self.host.clone(), &self.host_namespace, &dapr::components())
    }

    /// Clients of the guest, each with a connection of its own that is there already.
    pub(super) async fn clients(&self, count: usize) -> Result<Vec<Client>, Error> {
        let mut clients = Vec::new();
        for _ in 0..count {
            let client = client(&self.kubeconfig).await?;
            let answered = client.apiserver_version().await;
            answered.map_err(Error::refused("ask for the version", &self.tenant))?;
            clients.push(client);
        }
        Ok(clients)
    }

    /// Removes the namespace, and waits until it is gone on both sides.
    pub(super) async fn remove(&self) -> Result<(), wait::Error<kube::Error>> {
        let namespaces: Api<Namespace> = Api::all(self.guest.clone());
        let mirrors: Api<Namespace> = Api::all(self.host.clone());
        wait::until(
            format!("namespace {} to go", self.guest_namespace),
            GONE,
            || async {
                // Whatever fails is tried again; the last error is reported if it never gets better.
                Ok(self
                    .is_there(&namespaces, &mirrors)
                    .await
                    .unwrap_or_else(|error| Seen::not_yet(said(&error))))
            },
        )
        .await
    }

    async fn is_there(
        &self,
        namespaces: &Api<Namespace>,
        mirrors: &Api<Namespace>,
    ) -> Result<Seen<()>, kube::Error> {
        let deleted = namespaces
            .delete(&self.guest_namespace, &DeleteParams::default())
            .await;
        match deleted {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            // Going already, it refuses to be told again.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                return Ok(Seen::not_yet("it is going, in the guest"));
            }
            deleted => {
                deleted?;
                return Ok(Seen::not_yet("it is going, in the guest"));
            }
        }
        let mirror = mirrors.get_metadata_opt(&self.host_namespace).await?;
        Ok(mirror.map_or(Seen::Ready(()), |_| {
            Seen::not_yet(format!("its mirror {} is there", self.host_namespace))
        }))
    }
}

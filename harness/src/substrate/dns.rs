//! The host cluster's DNS, where the substrate brings none.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use minijinja::context;
use provision::wait::{self, Budget, Seen};

use super::native::address;
use super::{Cluster, Error};
use crate::manifests;

const MANIFEST: &str = include_str!("../../manifests/substrate/coredns.yaml");
const NAMESPACE: &str = "kube-system";

/// `CoreDNS` is ready a second after its pod runs, and the pod runs within seconds of the node.
const READY: Budget = Budget::seconds(60);

/// Installs `CoreDNS` from `image` and returns when it answers.
pub(crate) async fn install(cluster: &Cluster, image: &str) -> Result<(), Error> {
    let values = context! { image, domain => address::DOMAIN, address => address::DNS };
    manifests::apply(&cluster.client, NAMESPACE, "coredns", MANIFEST, values).await?;
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    wait::until("the host cluster's DNS", READY, async || {
        let deployment = deployments.get("coredns").await?;
        Ok::<_, kube::Error>(manifests::lacks(&deployment).map_or(Seen::Ready(()), Seen::NotYet))
    })
    .await
    .map_err(Error::Dns)
}

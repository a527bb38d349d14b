//! The check that the user may do everything that a run has to. It asks the cluster, before anything is created.

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};

use super::Error;

/// The resources that a run creates: group and resource.
const MAKES: [(&str, &str); 10] = [
    ("", "namespaces"),
    ("", "secrets"),
    ("apps", "deployments"),
    ("networking.k8s.io", "networkpolicies"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
    ),
];

/// Fails with all that the user may not do.
pub(super) async fn check(client: &Client) -> Result<(), Error> {
    let asked = MAKES
        .into_iter()
        .flat_map(|(group, resource)| ["create", "delete"].map(|verb| (verb, group, resource)))
        // Reaching pods and Services goes by way of the API server.
        .chain([("create", "", "pods/portforward")]);
    let answers = try_join_all(asked.map(async |(verb, group, resource)| {
        let allowed = may(client, verb, group, resource).await?;
        Ok::<_, Error>((allowed, format!("{verb} {resource}")))
    }))
    .await?;
    let may_not: Vec<String> = answers
        .into_iter()
        .filter_map(|(allowed, what)| (!allowed).then_some(what))
        .collect();
    if may_not.is_empty() {
        Ok(())
    } else {
        Err(Error::NotAllowed { may_not })
    }
}

async fn may(client: &Client, verb: &str, group: &str, resource: &str) -> Result<bool, Error> {
    let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: (!part.is_empty()).then(|| part.to_owned()),
                ..ResourceAttributes::default()
            }),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews
        .create(&PostParams::default(), &review)
        .await
        .map_err(Error::ask(format!("whether this user may {verb} {resource}")))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

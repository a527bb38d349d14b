//! The programs and images that a host cluster is made from, and the source of the images.

use provision::binaries::Wanted;
use provision::images::registry;
use provision::pins::{ImagePin, pins};

use crate::plan::{self, Plan, Substrate};

/// The parts that a host cluster is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The provider of the host cluster.
    pub substrate: Substrate,
    /// True if it pulls published images. Otherwise images are assembled.
    pub pulls: bool,
    /// The registry that images are pushed to and pulled from, if it is not the one in their names.
    pub registry: Option<String>,
}

impl Recipe {
    /// Returns the recipe of a planned environment.
    pub async fn planned(plan: &Plan) -> Self {
        Self::of(plan.substrate, plan.images, plan.existing.registry.clone()).await
    }

    /// Decides on the source of images for a host cluster of this substrate. If that depends on a registry, it asks
    /// if the registry answers.
    pub async fn of(substrate: Substrate, images: plan::Images, registry: Option<String>) -> Self {
        let pulls = match (substrate, images) {
            (Substrate::Native, _) | (_, plan::Images::Build) => false,
            (_, plan::Images::Pull) => true,
            // To a registry of the user's go all of them, so that nothing has to be pulled from anywhere else.
            (Substrate::Existing, plan::Images::Auto) => registry.is_none(),
            (Substrate::Kind, plan::Images::Auto) => registry::answers().await,
        };
        Self {
            substrate,
            pulls,
            registry,
        }
    }

    /// Returns the programs that have to be there.
    pub(super) fn binaries(&self) -> Wanted {
        let ours = pins().cargo.name.as_str();
        let always = ["helm", ours];
        // Of what others publish as images, the programs; Dapr's chart is always needed.
        let assembled = ["coredns", "dapr", "debian", "etcd", "etcdctl", "kubernetes"];
        let of_substrate: &[&str] = match (self.substrate, self.pulls) {
            (Substrate::Native, _) => &["containerd"],
            (Substrate::Kind, false) => &["bootstrap", "containerd", "kind"],
            (Substrate::Kind, true) => &["kind"],
            (Substrate::Existing, _) if self.registry.is_some() => &["crane"],
            (Substrate::Existing, _) => &[],
        };
        let assembled: &[&str] = if self.pulls { &[] } else { &assembled };
        Wanted::these(
            always
                .into_iter()
                .chain(of_substrate.iter().copied())
                .chain(assembled.iter().copied()),
        )
        .with_folders(["dapr"])
    }

    /// Returns true if an image is assembled.
    pub(super) fn assembles(&self, image: &ImagePin) -> bool {
        (!image.of_a_node || self.substrate == Substrate::Kind)
            && (image.is_ours() || image.is_given() || !self.pulls)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::native(Substrate::Native, plan::Images::Auto, None, false)]
    #[case::built(Substrate::Kind, plan::Images::Build, None, false)]
    #[case::as_published(Substrate::Existing, plan::Images::Auto, None, true)]
    #[case::by_a_registry(Substrate::Existing, plan::Images::Auto, Some("r/team"), false)]
    #[case::mirrored(Substrate::Existing, plan::Images::Pull, Some("r/team"), true)]
    #[tokio::test]
    async fn images_are_pulled(
        #[case] substrate: Substrate,
        #[case] images: plan::Images,
        #[case] registry: Option<&str>,
        #[case] pulls: bool,
    ) {
        let recipe = Recipe::of(substrate, images, registry.map(str::to_owned)).await;
        assert_eq!(recipe.pulls, pulls);
        // What nobody publishes is assembled all the same.
        assert!(recipe.assembles(&pins().images["syncer"]));
        assert_eq!(recipe.assembles(&pins().images["etcd"]), !pulls);
        assert_eq!(
            recipe.assembles(&pins().images["kube-proxy"]),
            substrate == Substrate::Kind
        );
    }
}

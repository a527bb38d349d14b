//! The programs and images that the tests need.

use std::fs;
use std::path::PathBuf;

use provision::binaries::{Binaries, Wanted};
use provision::command::Command;
use provision::docker::Docker;
use provision::events::Events;
use provision::images::{self, Images, registry};

use super::{Error, PROGRAM, Prepared, STAGE, Setting};
use crate::environment::Recipe;
use crate::plan::Substrate;
use crate::substrate::kind;

/// The pin of the tests.
const PIN: &str = "conformance";

/// The program that only images of the tests have, which identifies them.
const MARK: &str = "agnhost";

/// An image of a cluster's own that the tests use as well.
const ETCD: &str = "etcd";

/// containerd's socket, as a process of its sandbox sees it.
const CONTAINERD: &str = "run/containerd/containerd.sock";

/// Builds the missing images, and brings the images to the cluster's nodes.
pub(super) async fn prepare(
    recipe: &Recipe,
    binaries: Binaries,
    setting: &Setting<'_>,
) -> Result<Prepared, Error> {
    let registries = if recipe.pulls {
        None
    } else {
        let of_tests = |short: &str, image: &provision::pins::ImagePin| {
            image.only_with.as_deref() == Some(MARK) || short == ETCD
        };
        let building = images::build(of_tests, &binaries, &setting.places.cache, setting.events);
        let images = setting.events.stage(images::STAGE, building).await?;
        let bringing = bring(setting, recipe, &binaries, &images);
        setting.events.stage(&format!("{STAGE}/images"), bringing).await?
    };
    Ok(Prepared {
        binaries,
        registries,
        assembled: !recipe.pulls,
    })
}

/// Returns the programs that tests in a cluster of this recipe need.
pub(super) fn wanted(recipe: &Recipe) -> Wanted {
    let programs = [PROGRAM, "ginkgo", "kubectl"];
    let assembled = [
        PIN,
        "conformance-tools",
        "busybox",
        "etcd",
        "etcdctl",
        "ip",
        "pause",
    ];
    let of_substrate = match recipe.substrate {
        Substrate::Native => "ctr",
        Substrate::Kind => "kind",
        Substrate::Existing => "crane",
    };
    if recipe.pulls {
        Wanted::these(programs)
    } else {
        Wanted::these(programs.into_iter().chain(assembled).chain([of_substrate]))
    }
}

/// Brings the images to the nodes. Returns the file with the registries of the images, if they are not the ones in
/// their names.
async fn bring(
    setting: &Setting<'_>,
    recipe: &Recipe,
    binaries: &Binaries,
    images: &Images,
) -> Result<Option<PathBuf>, Error> {
    let folder = setting.places.environment(&setting.attached.name).join("host");
    match recipe.substrate {
        Substrate::Native => {
            import(&setting.attached.name, binaries, images, setting.events).await?;
            Ok(None)
        }
        Substrate::Kind => {
            let archives: Vec<PathBuf> = images
                .archives
                .iter()
                .map(|archive| archive.path.clone())
                .collect();
            let kind = binaries.program("kind")?;
            let told = (STAGE, setting.events);
            kind::load(kind, &setting.attached.name, &archives, &Docker::here(), told).await?;
            Ok(None)
        }
        Substrate::Existing => {
            let Some(prefix) = &recipe.registry else {
                return Ok(None);
            };
            registry::push(images, prefix, binaries, setting.events).await?;
            let file = folder.join("conformance-registries.yaml");
            fs::write(&file, registries(prefix)).map_err(Error::file("write", &file))?;
            Ok(Some(file))
        }
    }
}

/// Imports the images into the containerd of the host cluster's node.
async fn import(
    environment: &str,
    binaries: &Binaries,
    images: &Images,
    events: &Events,
) -> Result<(), Error> {
    // Its socket is in the sandbox's private /run, which is reached by way of one of its processes.
    let is_containerd = |pid: &i32| {
        fs::read_link(format!("/proc/{pid}/exe"))
            .is_ok_and(|program| program.file_name().is_some_and(|name| name == "containerd"))
    };
    let members = sandbox::members(environment)?;
    let pid = members.into_keys().find(is_containerd);
    let pid = pid.ok_or_else(|| Error::NoContainerd {
        environment: environment.to_owned(),
    })?;
    let of = images.archives.len();
    for (done, archive) in images.archives.iter().enumerate() {
        events.progress(
            STAGE,
            format!("importing {} ({} of {of})", archive.name, done + 1),
        );
        let import = Command::new(binaries.program("ctr")?)
            .args(["--namespace", "k8s.io", "--address"])
            .arg(format!("/proc/{pid}/root/{CONTAINERD}"))
            .args(["images", "import"])
            .arg(&archive.path);
        import.run().await.map_err(|source| Error::Command {
            what: format!("import {}", archive.name),
            source,
        })?;
    }
    Ok(())
}

/// Renders upstream's list of registries, with a prefix before each (`KUBE_TEST_REPO_LIST` in upstream's
/// `test/utils/image/manifest.go`).
fn registries(prefix: &str) -> String {
    let of = |key: &str, registry: &str| format!("{key}: {}\n", registry::name_in(Some(prefix), registry));
    [
        of("promoterE2eRegistry", "registry.k8s.io/e2e-test-images"),
        of("gcRegistry", "registry.k8s.io"),
        of("gcEtcdRegistry", "registry.k8s.io"),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use provision::pins::pins;

    use super::*;

    #[test]
    fn a_registry_of_ones_own_has_the_images_under_their_names() {
        insta::assert_snapshot!(registries("registry.example.com/team"), @"
        promoterE2eRegistry: registry.example.com/team/registry.k8s.io/e2e-test-images
        gcRegistry: registry.example.com/team/registry.k8s.io
        gcEtcdRegistry: registry.example.com/team/registry.k8s.io
        ");
    }

    #[test]
    fn every_program_of_the_images_is_wanted() {
        let recipe = Recipe {
            substrate: Substrate::Native,
            pulls: false,
            registry: None,
        };
        let wanted = wanted(&recipe);
        for image in pins().images.values() {
            if image.only_with.as_deref() == Some(MARK) {
                for program in image.files.keys() {
                    assert!(wanted.brings(program), "{program}");
                }
            }
        }
    }
}

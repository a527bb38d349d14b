//! The versions of everything that is not part of this project.
//!
//! `pins.toml` is part of the program: a build of the harness and the programs that it runs belong together.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub use self::kubernetes::Kubernetes;

/// Minor versions of Kubernetes.
mod kubernetes;

static PINS: LazyLock<Pins> = LazyLock::new(|| {
    let mut pins: Pins =
        toml::from_str(include_str!("../../pins.toml")).expect("pins.toml is part of the program and tested");
    pins.copy_images();
    pins
});

/// Returns the content of `pins.toml`.
#[must_use]
pub fn pins() -> &'static Pins {
    &PINS
}

/// Everything that is pinned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Programs built from Go modules, the longest build first; [`Pins::go`] gives those of an environment.
    go: Vec<GoPin>,
    /// Programs of the distribution.
    pub debian: Vec<DebianPin>,
    /// Our own programs.
    pub cargo: CargoPin,
    /// The nodes of kind's clusters, by version of Kubernetes.
    kind_nodes: BTreeMap<Kubernetes, String>,
    /// Programs that are only ever given.
    pub given: GivenPin,
    /// Container images, by a short name.
    pub images: BTreeMap<String, ImagePin>,
}

/// A Go module and the programs that are built from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoPin {
    /// The name of the pin.
    pub name: String,
    /// The folder in `binaries/` with its go.mod, if it is not its name.
    folder: Option<String>,
    /// The Kubernetes that it is, or belongs to; any, if there is none.
    kubernetes: Option<Kubernetes>,
    /// The module's version, without the `v`.
    pub version: String,
    /// The module's path.
    pub module: String,
    /// The packages that are programs.
    pub programs: Vec<String>,
    /// The package whose tests become a program, `NAME.test`.
    pub tests: Option<String>,
    /// Build tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Variables that the linker sets, as `path.name=value`.
    #[serde(default)]
    pub set: Vec<String>,
    /// Folders of the module that are kept besides the programs.
    #[serde(default)]
    pub folders: Vec<String>,
    /// The name of the module's one program, if it is not its package's last element.
    pub rename: Option<String>,
}

impl GoPin {
    /// Returns the name of its folder in `binaries/`: one of its own for each version that can be chosen.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.folder.as_deref().unwrap_or(&self.name)
    }

    /// Returns the same module without its programs, for its folders alone.
    #[must_use]
    pub fn folders_only(&self) -> Self {
        Self {
            programs: Vec::new(),
            tests: None,
            ..self.clone()
        }
    }

    /// Returns the names of all programs that it is built into.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let programs = self
            .programs
            .iter()
            .map(|package| self.program(package).to_owned());
        programs.chain(self.test_program())
    }

    /// Returns the name of the program of its tests, as `go test -c` names it.
    #[must_use]
    pub fn test_program(&self) -> Option<String> {
        let package = self.tests.as_deref()?;
        let last = package.rsplit('/').next().unwrap_or(package);
        Some(format!("{last}.test"))
    }

    /// Returns the name of a package's program, as `go build` names it or as `rename` sets it.
    #[must_use]
    pub fn program<'a>(&'a self, package: &'a str) -> &'a str {
        self.rename
            .as_deref()
            .unwrap_or_else(|| package.rsplit('/').next().unwrap_or(package))
    }

    /// Fills `{version}`, `{major}` and `{minor}` in.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut parts = self.version.split('.');
        text.replace("{version}", &self.version)
            .replace("{major}", parts.next().unwrap_or_default())
            .replace("{minor}", parts.next().unwrap_or_default())
    }
}

/// Packages of the distribution and the programs in them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianPin {
    /// The name of the pin.
    pub name: String,
    /// The packages, without those that they depend on.
    pub packages: Vec<String>,
    /// The programs in them that are asked for by name.
    pub programs: Vec<String>,
    /// Programs that those look for on their `PATH`. Others may have the same names.
    #[serde(default)]
    pub helpers: Vec<String>,
    /// True if the programs are scripts for programs of the machine. Then the dependencies of the packages are not
    /// installed.
    #[serde(default)]
    pub scripts: bool,
}

/// Programs of this workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CargoPin {
    /// The name of the pin.
    pub name: String,
    /// The workspace's version.
    pub version: String,
    /// The crates, each of which has one program of the same name.
    pub programs: Vec<String>,
}

/// Programs that no recipe here builds. A user who wants them gives a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPin {
    /// The name of the pin.
    pub name: String,
    /// The version that is known to work.
    pub version: String,
    /// The programs.
    pub programs: Vec<String>,
}

/// A container image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePin {
    name: String,
    /// The Kubernetes version of the environments that use it; all versions if not given.
    kubernetes: Option<Kubernetes>,
    version_of: Option<String>,
    /// The image that it is another name of; then it has no contents of its own.
    same_as: Option<String>,
    /// The paths of programs in the image.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Symbolic links, each with the path that it leads to.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// True if `/bin` has a link for each applet of busybox.
    #[serde(default)]
    pub applets: bool,
    /// The pin whose folder has the files of `copies`.
    pub copies_from: Option<String>,
    /// Files of that folder, each with the path that the image has it at.
    #[serde(default)]
    pub copies: BTreeMap<String, String>,
    /// Files by their path, each with its content.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// The mode of its programs; that of any program if not given.
    pub mode: Option<u32>,
    /// The command of every container.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The arguments of a container that gives none.
    #[serde(default)]
    pub command: Vec<String>,
    /// As whom, as `uid:gid`; root if not given.
    #[serde(default)]
    pub user: String,
    /// In which folder, which then belongs to the user.
    pub workdir: Option<String>,
    /// True if it has `iptables`, in the implementation that this machine's kernel has.
    #[serde(default)]
    pub iptables: bool,
    /// True if only nodes of kubeadm run it.
    #[serde(default)]
    pub of_a_node: bool,
    /// The program without which it is of no use; it is assembled only where that was asked for or given.
    pub only_with: Option<String>,
}

impl ImagePin {
    /// Returns true if environments with this Kubernetes version use it.
    #[must_use]
    pub fn is_for(&self, kubernetes: Kubernetes) -> bool {
        self.kubernetes.is_none_or(|its| its == kubernetes)
    }

    /// Returns true if it has only programs that a user gave.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.files
            .keys()
            .all(|program| pins().given.programs.contains(program))
    }

    /// Returns true if it has programs of this workspace, which are published nowhere else.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.version_of.as_deref() == Some(pins().cargo.name.as_str())
    }
}

impl Pins {
    /// Gives each image that is another name of one the contents of that.
    fn copy_images(&mut self) {
        let originals = self.images.clone();
        for image in self.images.values_mut() {
            if let Some(original) = image.same_as.as_ref().and_then(|short| originals.get(short)) {
                *image = ImagePin {
                    name: image.name.clone(),
                    kubernetes: image.kubernetes,
                    only_with: image.only_with.clone().or_else(|| original.only_with.clone()),
                    ..original.clone()
                };
            }
        }
    }

    /// Returns the programs built from Go modules of an environment with this Kubernetes version, the longest build
    /// first.
    pub fn go(&self, kubernetes: Kubernetes) -> impl Iterator<Item = &GoPin> {
        self.go
            .iter()
            .filter(move |pin| pin.kubernetes.is_none_or(|its| its == kubernetes))
    }

    /// Returns the version of a pin for this Kubernetes version, or `None` if it is not pinned.
    #[must_use]
    pub fn version(&self, name: &str, kubernetes: Kubernetes) -> Option<&str> {
        if name == self.cargo.name {
            return Some(&self.cargo.version);
        }
        if name == self.given.name {
            return Some(&self.given.version);
        }
        self.go(kubernetes)
            .find(|pin| pin.name == name)
            .map(|pin| pin.version.as_str())
    }

    /// Returns the packages that bring this program, if any do.
    #[must_use]
    pub fn packages_of(&self, program: &str) -> Option<&DebianPin> {
        self.debian
            .iter()
            .find(|pin| pin.programs.iter().any(|name| name == program))
    }

    /// Returns the image that its makers published for the nodes of kind's clusters, by digest.
    #[must_use]
    pub fn kind_node(&self, kubernetes: Kubernetes) -> Option<&str> {
        self.kind_nodes.get(&kubernetes).map(String::as_str)
    }

    /// Returns the full name of the image with this short name for this Kubernetes version, such as
    /// `registry.k8s.io/pause:3.10.1` for `pause`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such image: short names are written in the program, not given by a user.
    #[must_use]
    pub fn image(&self, short: &str, kubernetes: Kubernetes) -> String {
        let Some(image) = self.images.get(short) else {
            panic!("no image {short} in pins.toml")
        };
        self.full_name(image, kubernetes)
    }

    /// Returns the full name of an image for this Kubernetes version.
    #[must_use]
    pub fn full_name(&self, image: &ImagePin, kubernetes: Kubernetes) -> String {
        let version = image
            .version_of
            .as_deref()
            .and_then(|name| self.version(name, kubernetes));
        image.name.replace("{version}", version.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    #[test]
    fn every_go_mod_requires_the_version_that_is_pinned_and_names_its_programs() {
        for pin in &pins().go {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../binaries")
                .join(pin.folder())
                .join("go.mod");
            let text = std::fs::read_to_string(file).expect("each pin has a go.mod");
            let line = format!("{} v{}", pin.module, pin.version);
            assert!(text.contains(&line), "{} does not require {line}", pin.name);
            for package in pin.programs.iter().chain(&pin.tests) {
                assert!(
                    text.lines()
                        .any(|line| line.trim().trim_start_matches("tool ") == package),
                    "{package}"
                );
            }
        }
    }

    fn names_of(kubernetes: Kubernetes) -> Vec<String> {
        let images = pins().images.values();
        images
            .filter(|image| image.is_for(kubernetes))
            .map(|image| pins().full_name(image, kubernetes))
            .collect()
    }

    #[test]
    fn images_have_their_upstream_names() {
        insta::assert_snapshot!(names_of(Kubernetes::V1_36).join("\n"), @"
        docker.io/library/busybox:1.35.0
        registry.k8s.io/e2e-test-images/agnhost:2.63.0
        registry.k8s.io/e2e-test-images/agnhost:2.55
        registry.k8s.io/e2e-test-images/busybox:1.37.0-1
        registry.k8s.io/e2e-test-images/glibc-dns-testing:2.0.0
        registry.k8s.io/e2e-test-images/kitten:1.8
        registry.k8s.io/e2e-test-images/nautilus:1.8
        registry.k8s.io/e2e-test-images/nginx:1.15-4
        registry.k8s.io/e2e-test-images/nginx:1.27-0
        registry.k8s.io/e2e-test-images/nonewprivs:1.4
        registry.k8s.io/e2e-test-images/nonroot:1.5
        registry.k8s.io/pause:3.10.2
        registry.k8s.io/e2e-test-images/sample-apiserver:1.29.2
        registry.k8s.io/coredns/coredns:v1.11.3
        ghcr.io/dapr/daprd:1.16.0
        registry.k8s.io/etcd:3.6.8-0
        ghcr.io/dapr/injector:1.16.0
        registry.k8s.io/kube-apiserver:v1.36.3
        registry.k8s.io/kube-controller-manager:v1.36.3
        registry.k8s.io/kube-proxy:v1.36.3
        registry.k8s.io/kube-scheduler:v1.36.3
        ghcr.io/dapr/operator:1.16.0
        registry.k8s.io/pause:3.10.1
        docker.io/shared-dapr/read-app:0.1.0
        docker.io/library/redis:7.0.15
        ghcr.io/dapr/sentry:1.16.0
        docker.io/shared-dapr/syncer:0.1.0
        ghcr.io/loft-sh/vcluster-oss:0.25.2
        ghcr.io/loft-sh/kubernetes:v1.36.3
        docker.io/shared-dapr/write-app:0.1.0
        ");
    }

    #[test]
    fn an_older_kubernetes_has_the_names_of_its_own_tests() {
        let newest = names_of(Kubernetes::V1_36);
        let mut names = names_of(Kubernetes::V1_33);
        names.retain(|name| !newest.contains(name));
        insta::assert_snapshot!(names.join("\n"), @"
        registry.k8s.io/e2e-test-images/agnhost:2.53
        registry.k8s.io/e2e-test-images/busybox:1.36.1-1
        registry.k8s.io/e2e-test-images/jessie-dnsutils:1.7
        registry.k8s.io/etcd:3.5.21-0
        registry.k8s.io/e2e-test-images/httpd:2.4.38-4
        registry.k8s.io/e2e-test-images/httpd:2.4.39-4
        registry.k8s.io/e2e-test-images/kitten:1.7
        registry.k8s.io/e2e-test-images/nautilus:1.7
        registry.k8s.io/e2e-test-images/nginx:1.14-4
        registry.k8s.io/e2e-test-images/nonewprivs:1.3
        registry.k8s.io/e2e-test-images/nonroot:1.4
        registry.k8s.io/pause:3.10
        registry.k8s.io/kube-apiserver:v1.33.13
        registry.k8s.io/kube-controller-manager:v1.33.13
        registry.k8s.io/kube-proxy:v1.33.13
        registry.k8s.io/kube-scheduler:v1.33.13
        ghcr.io/loft-sh/kubernetes:v1.33.13
        ");
    }

    #[rstest]
    #[case(Kubernetes::V1_36, "", "registry.k8s.io/kube-apiserver:v1.36.3")]
    #[case(Kubernetes::V1_33, "-1.33", "registry.k8s.io/kube-apiserver:v1.33.13")]
    fn one_kubernetes_is_chosen(#[case] kubernetes: Kubernetes, #[case] suffix: &str, #[case] image: &str) {
        let folders: Vec<&str> = pins().go(kubernetes).map(GoPin::folder).collect();
        assert_eq!(
            folders,
            [
                &format!("kubernetes{suffix}"),
                "dapr",
                "containerd",
                "coredns",
                "helm",
                "etcd",
                "etcdctl",
                "kind",
                "crane",
                &format!("conformance{suffix}"),
                "registry",
                "cert-manager",
                "metrics-server"
            ]
        );
        assert_eq!(pins().image("kube-apiserver", kubernetes), image);
        let minor = format!("{kubernetes}.");
        assert!(
            pins()
                .version("kubernetes", kubernetes)
                .is_some_and(|version| version.starts_with(&minor))
        );
    }

    #[test]
    fn our_version_is_the_workspaces() {
        assert_eq!(pins().cargo.version, env!("CARGO_PKG_VERSION"));
    }
}

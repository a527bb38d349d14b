//! The host.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use provision::binaries::Binaries;
use provision::helm::Helm;
use serde_json::{Value, json};
use syncer::pki::{self, Access, Authority, Names};
use tokio::sync::OnceCell;
use vcluster_values::naming;

use super::control_plane::ControlPlane;
use super::process::Process;
use super::{Side, background};

/// A cluster with Dapr's CRDs, for tenants to share.
pub(crate) struct Host {
    programs: Binaries,
    folder: PathBuf,
    syncer: PathBuf,
    cluster: ControlPlane,
    etcd: String,
    _etcd: Process,
}

impl Host {
    /// Returns the host of this test process.
    pub(crate) async fn shared() -> Arc<Self> {
        static HOST: OnceCell<Arc<Host>> = OnceCell::const_new();
        background::shared(&HOST, || async { Arc::new(Self::start().await) }).await
    }

    async fn start() -> Self {
        let names = [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kubectl",
            "helm",
            "dapr",
        ];
        let programs = testkit::binaries(&names).await.expect("the programs can be had");
        let given = env::var_os("SYNCER").map(PathBuf::from);
        let syncer = given.unwrap_or_else(|| env!("CARGO_BIN_EXE_syncer").into());

        let folder = background::folder().join("host");
        fs::create_dir(&folder).expect("the folder is ours");
        write_certificates(&folder).await;
        let socket = format!("unix://{}", folder.join("etcd.sock").display());
        let arguments = [
            "--unsafe-no-fsync".to_owned(),
            format!("--data-dir={}", folder.join("etcd").display()),
            format!("--listen-client-urls={socket}"),
            // It has to be told one; nobody asks there.
            "--advertise-client-urls=http://127.0.0.1:2379".to_owned(),
            "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
        ];
        let program = programs.program("etcd").expect("it was asked for");
        let etcd = Process::start(program, &arguments, &folder, "etcd");
        let cluster = ControlPlane::start(&programs, &socket, "/host", &folder).await;
        let host = Self {
            programs,
            folder,
            syncer,
            cluster,
            etcd: socket,
            _etcd: etcd,
        };
        host.define_dapr().await;
        host
    }

    /// Creates Dapr's CRDs, from its own chart.
    async fn define_dapr(&self) {
        let chart = self.programs.folder("dapr").expect("it was asked for");
        self.define(&chart.join("crds")).await;
    }

    /// Creates the CRDs in a folder's files, and waits until their kinds are served.
    pub(super) async fn define(&self, folder: &Path) {
        let admin = self.admin().await;
        let mut names = Vec::new();
        for file in fs::read_dir(folder).expect("there are definitions") {
            let path = file.expect("it can be listed").path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = fs::read_to_string(path).expect("it can be read");
            let mut definition: Value = serde_saphyr::from_str(&text).expect("it is YAML");
            // Of a chart's templates, nothing else is left to be filled in.
            definition["metadata"]["labels"] = Value::Null;
            let made = admin.create(definition).await;
            names.push(made["metadata"]["name"].as_str().expect("it has one").to_owned());
        }
        for name in names {
            admin
                .sees("CustomResourceDefinition", &name, "established", |found| {
                    let conditions = found["status"]["conditions"].as_array()?;
                    let established = json!(["Established", "True"]);
                    (conditions.iter())
                        .any(|condition| json!([condition["type"], condition["status"]]) == established)
                        .then_some(())
                })
                .await;
        }
    }

    /// Returns its administrator's client, for cluster-scoped objects.
    pub(crate) async fn admin(&self) -> Side {
        Side::connect(&self.cluster.admin()).await
    }

    /// Returns its administrator's kubeconfig.
    pub(super) fn admin_kubeconfig(&self) -> PathBuf {
        self.cluster.admin()
    }

    /// Returns the folder of its certificates.
    pub(super) fn pki(&self) -> &Path {
        &self.folder
    }

    /// Returns the address of the etcd of a control plane.
    pub(super) fn etcd(&self) -> &str {
        &self.etcd
    }

    /// Returns the programs.
    pub(super) fn programs(&self) -> &Binaries {
        &self.programs
    }

    /// Returns the syncer that is tested.
    pub(super) fn syncer(&self) -> &Path {
        &self.syncer
    }

    /// Returns kubectl, for any cluster.
    pub(crate) fn kubectl(&self) -> &Path {
        self.program("kubectl")
    }

    /// Returns a program that the tests are run with.
    pub(crate) fn program(&self, name: &str) -> &Path {
        self.programs.program(name).expect("it was asked for")
    }

    /// Returns Helm, for this cluster.
    pub(crate) fn helm(&self) -> Helm {
        Helm {
            program: self
                .programs
                .program("helm")
                .expect("it was asked for")
                .to_owned(),
            kubeconfig: self.cluster.admin(),
            home: background::folder().join("helm"),
        }
    }
}

/// Writes the certificates of a control plane, which are the same files for a host and a guest.
async fn write_certificates(folder: &Path) {
    let names = Names {
        tenant: naming::Tenant::new("host", "host"),
        service: Vec::new(),
        pod: None,
        outside: Vec::new(),
    };
    let access = Access {
        server: pki::OUTSIDE,
        context: "host",
    };
    let authority = Authority::generate("host").expect("certificates can be made");
    pki::write(&authority, &names, access, folder)
        .await
        .expect("the folder is ours");
}

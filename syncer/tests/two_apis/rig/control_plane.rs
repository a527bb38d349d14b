//! An API server and its controller manager.

use std::fs;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use provision::binaries::Binaries;
use provision::wait::{self, Seen};
use tokio::net::TcpSocket;

use super::process::Process;
use super::{STARTED, Side};

/// The address ranges of Services, of two families; a guest uses those of its host.
const SERVICES: &str = "10.96.0.0/16,fd00:96::/112";

/// The controllers that tests here wait for: they delete namespaces, create accounts and the authority's certificate, create pods
/// of jobs, and remove finalizers of storage. PVCs are not included: tests release them.
const CONTROLLERS: &str = "namespace-controller,serviceaccount-controller,\
                           root-ca-certificate-publisher-controller,job-controller,\
                           persistentvolume-protection-controller,volumeattributesclass-protection-controller";

/// An API server and its controller manager.
pub(super) struct ControlPlane {
    folder: PathBuf,
    _api: Process,
    _controllers: Process,
    _port: TcpSocket,
}

impl ControlPlane {
    /// Starts both with the certificates in `folder`; their objects are below `prefix` in etcd.
    pub(super) async fn start(programs: &Binaries, etcd: &str, prefix: &str, folder: &Path) -> Self {
        // Bound and never listened at, it keeps the port for the API server.
        let reserved = TcpSocket::new_v4().expect("sockets can be made");
        reserved.set_reuseport(true).expect("ports can be shared");
        reserved
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a loopback port is free");
        let port = reserved.local_addr().expect("it is bound").port();
        point_kubeconfigs(folder, port);

        let program = |name| programs.program(name).expect("it was asked for");
        let arguments = [
            format!("--etcd-servers={etcd}"),
            format!("--etcd-prefix={prefix}"),
            format!("--secure-port={port}"),
            // As a tenant's and most hosts' have it.
            "--allow-privileged=true".to_owned(),
            format!("--service-cluster-ip-range={SERVICES}"),
            "--bind-address=127.0.0.1".into(),
            "--permit-port-sharing".into(),
            // It has to be told one that is no loopback address; nobody asks there.
            "--advertise-address=192.0.2.1".into(),
            "--endpoint-reconciler-type=none".into(),
            "--tls-cert-file=apiserver.crt".into(),
            "--tls-private-key-file=apiserver.key".into(),
            "--client-ca-file=ca.crt".into(),
            "--kubelet-client-certificate=apiserver-kubelet-client.crt".into(),
            "--kubelet-client-key=apiserver-kubelet-client.key".into(),
            "--kubelet-certificate-authority=ca.crt".into(),
            "--kubelet-preferred-address-types=InternalDNS".into(),
            "--proxy-client-cert-file=front-proxy-client.crt".into(),
            "--proxy-client-key-file=front-proxy-client.key".into(),
            "--requestheader-client-ca-file=front-proxy-ca.crt".into(),
            "--requestheader-allowed-names=front-proxy-client".into(),
            "--requestheader-username-headers=X-Remote-User".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
            "--service-account-key-file=sa.pub".into(),
            "--service-account-signing-key-file=sa.key".into(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            "--authorization-mode=RBAC".into(),
            "--enable-priority-and-fairness=false".into(),
            "--profiling=false".into(),
        ];
        let mut api = Process::start(program("kube-apiserver"), &arguments, folder, "kube-apiserver");
        let admin = Side::connect(&folder.join("admin.kubeconfig")).await;
        wait::until("an API server", STARTED, || {
            let ended = api.ended();
            let admin = &admin;
            async move {
                match (ended, admin.is_ready().await) {
                    (Some(ended), _) => Err(ended),
                    (None, Ok(())) => Ok(Seen::Ready(())),
                    (None, Err(said)) => Ok(Seen::NotYet(said)),
                }
            }
        })
        .await
        .unwrap_or_else(|error| panic!("it starts: {error:#?}"));

        // Before the API server is ready, it would be refused and end.
        let arguments = [
            format!("--controllers={CONTROLLERS}"),
            "--kubeconfig=controller-manager.kubeconfig".into(),
            "--use-service-account-credentials".into(),
            "--service-account-private-key-file=sa.key".into(),
            "--root-ca-file=ca.crt".into(),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
            "--kube-api-qps=200".into(),
            "--kube-api-burst=400".into(),
        ];
        let name = "kube-controller-manager";
        Self {
            _controllers: Process::start(program(name), &arguments, folder, name),
            folder: folder.to_owned(),
            _api: api,
            _port: reserved,
        }
    }

    /// Returns its administrator's kubeconfig.
    pub(super) fn admin(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }
}

/// Points the kubeconfigs that `syncer init` writes for a pod to this machine; the original files are kept beside them.
fn point_kubeconfigs(folder: &Path, port: u16) {
    for name in ["admin", "controller-manager", "syncer"] {
        let path = folder.join(format!("{name}.kubeconfig"));
        fs::copy(&path, folder.join(format!("{name}.kubeconfig.given"))).expect("it was written");
        let mut config = Kubeconfig::read_from(&path).expect("it is one");
        let cluster = config.clusters[0].cluster.as_mut().expect("it has one");
        cluster.server = Some(format!("https://127.0.0.1:{port}"));
        let text = serde_json::to_string(&config).expect("it is plain data");
        fs::write(&path, text).expect("the folder is ours");
    }
}

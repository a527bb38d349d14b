//! The host cluster's processes and their flags.

use std::path::Path;

use super::spec::{Spec, address};

/// One process of the host cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its name: the program's, and the log's.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What has to accept connections before it is started.
    pub after: After,
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing.
    Start,
    /// The API server's port, and containerd's socket.
    ApiServerAndContainerd,
    /// The API server's own word that it is ready: before that it has no roles yet, and a controller manager
    /// that is refused ends.
    ApiServerReady,
}

/// All of them, in the order in which they are started.
pub(super) fn all(spec: &Spec) -> Vec<Process> {
    vec![
        etcd(),
        containerd(spec),
        kube_apiserver(spec),
        kube_controller_manager(spec),
        kube_scheduler(spec),
        kubelet(spec),
        kube_proxy(spec),
    ]
}

/// Data is on a tmpfs that ends with the sandbox, so there is nothing to sync to a disk.
fn etcd() -> Process {
    Process {
        name: "etcd",
        arguments: vec![
            "--unsafe-no-fsync".into(),
            "--data-dir=/run/etcd".into(),
            "--listen-client-urls=http://127.0.0.1:2379".into(),
            "--advertise-client-urls=http://127.0.0.1:2379".into(),
            "--listen-peer-urls=http://127.0.0.1:2380".into(),
            "--quota-backend-bytes=4294967296".into(),
        ],
        after: After::Start,
    }
}

fn containerd(spec: &Spec) -> Process {
    Process {
        name: "containerd",
        arguments: vec![flag("--config", &spec.path("containerd.toml"))],
        after: After::Start,
    }
}

fn kube_apiserver(spec: &Spec) -> Process {
    let pki = |file: &str| spec.path("pki").join(file);
    Process {
        name: "kube-apiserver",
        arguments: vec![
            "--etcd-servers=http://127.0.0.1:2379".into(),
            format!("--advertise-address={}", address::NODE),
            format!("--secure-port={}", address::API_PORT),
            format!("--service-cluster-ip-range={}", address::SERVICES),
            flag("--tls-cert-file", &pki("apiserver.crt")),
            flag("--tls-private-key-file", &pki("apiserver.key")),
            flag("--client-ca-file", &pki("ca.crt")),
            flag("--kubelet-client-certificate", &pki("kubelet-client.crt")),
            flag("--kubelet-client-key", &pki("kubelet-client.key")),
            flag("--kubelet-certificate-authority", &pki("ca.crt")),
            // The node's name resolves nowhere: without this, logs and exec fail.
            "--kubelet-preferred-address-types=InternalIP".into(),
            flag("--service-account-key-file", &pki("service-account.pub")),
            flag("--service-account-signing-key-file", &pki("service-account.key")),
            format!(
                "--service-account-issuer=https://kubernetes.default.svc.{}",
                address::DOMAIN
            ),
            "--authorization-mode=Node,RBAC".into(),
            "--enable-admission-plugins=NodeRestriction".into(),
            "--allow-privileged=true".into(),
            // One machine runs every tenant's controllers: fairness between them would only queue ours.
            "--enable-priority-and-fairness=false".into(),
            "--max-requests-inflight=0".into(),
            "--max-mutating-requests-inflight=0".into(),
        ],
        after: After::Start,
    }
}

fn kube_controller_manager(spec: &Spec) -> Process {
    let kubeconfig = spec.path("kubeconfig/kube-controller-manager");
    Process {
        name: "kube-controller-manager",
        arguments: vec![
            flag("--kubeconfig", &kubeconfig),
            flag("--authentication-kubeconfig", &kubeconfig),
            flag("--authorization-kubeconfig", &kubeconfig),
            format!("--cluster-cidr={}", address::PODS),
            flag(
                "--service-account-private-key-file",
                &spec.path("pki/service-account.key"),
            ),
            flag("--root-ca-file", &spec.path("pki/ca.crt")),
            flag("--cluster-signing-cert-file", &spec.path("pki/ca.crt")),
            flag("--cluster-signing-key-file", &spec.path("pki/ca.key")),
            // Dapr's injector ignores pods whose creator is not a controller's own service account.
            "--use-service-account-credentials=true".into(),
            // It makes an account and a token for each controller before the last one starts: 5 s at the default rate.
            "--kube-api-qps=200".into(),
            "--kube-api-burst=400".into(),
            "--leader-elect=false".into(),
            "--bind-address=127.0.0.1".into(),
        ],
        after: After::ApiServerReady,
    }
}

fn kube_scheduler(spec: &Spec) -> Process {
    let kubeconfig = spec.path("kubeconfig/kube-scheduler");
    Process {
        name: "kube-scheduler",
        arguments: vec![
            flag("--kubeconfig", &kubeconfig),
            flag("--authentication-kubeconfig", &kubeconfig),
            flag("--authorization-kubeconfig", &kubeconfig),
            "--leader-elect=false".into(),
            "--bind-address=127.0.0.1".into(),
        ],
        after: After::ApiServerReady,
    }
}

fn kubelet(spec: &Spec) -> Process {
    Process {
        name: "kubelet",
        arguments: vec![
            flag("--kubeconfig", &spec.path("kubeconfig/kubelet")),
            flag("--config", &spec.path("kubelet.yaml")),
            flag("--root-dir", Path::new("/var/lib/kubelet")),
            format!("--node-ip={}", address::NODE),
            format!("--hostname-override={}", address::NODE_NAME),
        ],
        after: After::ApiServerAndContainerd,
    }
}

fn kube_proxy(spec: &Spec) -> Process {
    Process {
        name: "kube-proxy",
        arguments: vec![
            flag("--kubeconfig", &spec.path("kubeconfig/kube-proxy")),
            format!("--hostname-override={}", address::NODE_NAME),
            "--proxy-mode=iptables".into(),
            // The default waits a second between two changes; a canary waits with it.
            "--iptables-min-sync-period=100ms".into(),
            format!("--cluster-cidr={}", address::PODS),
            format!("--bind-address={}", address::NODE),
            // The limit is the machine's, not the sandbox's: it may not be written from here.
            "--conntrack-max-per-core=0".into(),
        ],
        after: After::ApiServerReady,
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

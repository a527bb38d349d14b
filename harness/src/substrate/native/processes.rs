//! The host cluster's processes and their flags.

use std::path::Path;

use sandbox::spec::{Process, Sign};

use super::pki::FRONT_PROXY;
use super::{Request, address};

/// The socket on which containerd listens.
const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// Returns all processes, in the order in which they are started.
pub(super) fn all(request: &Request) -> Vec<Process> {
    vec![
        etcd(request),
        containerd(request),
        kube_apiserver(request),
        kube_controller_manager(request),
        kube_scheduler(request),
        kubelet(request),
        kube_proxy(request),
    ]
}

/// Returns the etcd process. Its data is on a tmpfs that ends with the sandbox, so there is nothing to sync to a
/// disk.
fn etcd(request: &Request) -> Process {
    process(
        request,
        "etcd",
        vec![
            "--unsafe-no-fsync".into(),
            "--data-dir=/run/etcd".into(),
            "--listen-client-urls=http://127.0.0.1:2379".into(),
            "--advertise-client-urls=http://127.0.0.1:2379".into(),
            "--listen-peer-urls=http://127.0.0.1:2380".into(),
            "--quota-backend-bytes=4294967296".into(),
        ],
        vec![],
    )
}

fn containerd(request: &Request) -> Process {
    process(
        request,
        "containerd",
        vec![flag("--config", &request.path("containerd.toml"))],
        vec![],
    )
}

fn kube_apiserver(request: &Request) -> Process {
    let pki = |file: &str| request.path("pki").join(file);
    process(
        request,
        "kube-apiserver",
        vec![
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
            // For further APIs by an APIService, such as a metrics server's.
            flag("--proxy-client-cert-file", &pki("front-proxy-client.crt")),
            flag("--proxy-client-key-file", &pki("front-proxy-client.key")),
            flag("--requestheader-client-ca-file", &pki("front-proxy-ca.crt")),
            format!("--requestheader-allowed-names={FRONT_PROXY}"),
            "--requestheader-username-headers=X-Remote-User".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
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
        vec![],
    )
}

fn kube_controller_manager(request: &Request) -> Process {
    let kubeconfig = request.path("kubeconfig/kube-controller-manager");
    process(
        request,
        "kube-controller-manager",
        vec![
            flag("--kubeconfig", &kubeconfig),
            flag("--authentication-kubeconfig", &kubeconfig),
            flag("--authorization-kubeconfig", &kubeconfig),
            format!("--cluster-cidr={}", address::PODS),
            flag(
                "--service-account-private-key-file",
                &request.path("pki/service-account.key"),
            ),
            flag("--root-ca-file", &request.path("pki/ca.crt")),
            flag("--cluster-signing-cert-file", &request.path("pki/ca.crt")),
            flag("--cluster-signing-key-file", &request.path("pki/ca.key")),
            // Dapr's injector ignores pods whose creator is not a controller's own service account.
            "--use-service-account-credentials=true".into(),
            // It makes an account and a token for each controller before the last one starts: 5 s at the default rate.
            "--kube-api-qps=200".into(),
            "--kube-api-burst=400".into(),
            "--leader-elect=false".into(),
            "--bind-address=127.0.0.1".into(),
        ],
        api_ready(request),
    )
}

fn kube_scheduler(request: &Request) -> Process {
    let kubeconfig = request.path("kubeconfig/kube-scheduler");
    process(
        request,
        "kube-scheduler",
        vec![
            flag("--kubeconfig", &kubeconfig),
            flag("--authentication-kubeconfig", &kubeconfig),
            flag("--authorization-kubeconfig", &kubeconfig),
            "--leader-elect=false".into(),
            "--bind-address=127.0.0.1".into(),
        ],
        api_ready(request),
    )
}

fn kubelet(request: &Request) -> Process {
    process(
        request,
        "kubelet",
        vec![
            flag("--kubeconfig", &request.path("kubeconfig/kubelet")),
            flag("--config", &request.path("kubelet.yaml")),
            flag("--root-dir", Path::new("/var/lib/kubelet")),
            format!("--node-ip={}", address::NODE),
            format!("--hostname-override={}", address::NODE_NAME),
        ],
        vec![Sign::Socket(CONTAINERD.into()), Sign::Port(address::API)],
    )
}

fn kube_proxy(request: &Request) -> Process {
    process(
        request,
        "kube-proxy",
        vec![
            flag("--kubeconfig", &request.path("kubeconfig/kube-proxy")),
            format!("--hostname-override={}", address::NODE_NAME),
            "--proxy-mode=iptables".into(),
            // The default waits a second between two changes; a canary waits with it.
            "--iptables-min-sync-period=100ms".into(),
            format!("--cluster-cidr={}", address::PODS),
            format!("--bind-address={}", address::NODE),
            // The limit is the machine's, not the sandbox's: it may not be written from here.
            "--conntrack-max-per-core=0".into(),
        ],
        api_ready(request),
    )
}

/// Returns the sign that the API server itself reports that it is ready. Before that it has no roles yet, and a
/// controller manager that is refused ends.
fn api_ready(request: &Request) -> Vec<Sign> {
    vec![Sign::File(request.api_ready())]
}

fn process(request: &Request, name: &str, arguments: Vec<String>, after: Vec<Sign>) -> Process {
    Process {
        name: name.to_owned(),
        program: request.program(name).to_owned(),
        arguments,
        after,
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

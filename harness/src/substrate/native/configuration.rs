//! The configuration files of containerd, its network plugins and the kubelet.

use std::io;

use sandbox::cgroup_name;

use super::{Request, address};

/// Writes them into the run folder.
pub(super) fn write(request: &Request) -> io::Result<()> {
    for folder in ["cni", "containerd", "containerd-opt", "volume-plugins"] {
        std::fs::create_dir_all(request.path(folder))?;
    }
    std::fs::write(request.path("containerd.toml"), containerd(request))?;
    std::fs::write(request.path("cni/10-pods.conflist"), network())?;
    std::fs::write(request.path("kubelet.yaml"), kubelet(request))?;
    // No name server on the machine is asked: what a cluster resolves must not depend on where it runs.
    std::fs::write(request.path("resolv.conf"), "nameserver 127.0.0.53\n")
}

/// Returns containerd's configuration. `restrict_oom_score_adj` and `disable_apparmor` let it run if the user is root
/// but not all-powerful, as in most containers.
fn containerd(request: &Request) -> String {
    format!(
        r#"version = 3
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "{opt}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true

  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{conf}"
"#,
        root = request.path("containerd").display(),
        opt = request.path("containerd-opt").display(),
        pause = request.pause_image,
        plugins = request.cni_plugins.display(),
        conf = request.path("cni").display(),
    )
}

fn network() -> String {
    let list = serde_json::json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": address::PODS }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                    "dataDir": "/run/cni",
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    });
    format!("{list:#}\n")
}

/// Returns the kubelet's configuration. It sets `failCgroupV1: false`, because since 1.35 a kubelet refuses cgroup v1
/// otherwise.
fn kubelet(request: &Request) -> String {
    let pki = |file: &str| request.path("pki").join(file);
    let configuration = serde_json::json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": pki("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": pki("kubelet.crt"),
        "tlsPrivateKeyFile": pki("kubelet.key"),
        "clusterDomain": address::DOMAIN,
        "clusterDNS": [address::DNS],
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroup_name(&request.name)),
        "cgroupsPerQOS": true,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "volumePluginDir": request.path("volume-plugins"),
        // The machine's disk is not the tenants': nothing is evicted before it is really full.
        "evictionHard": { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
        "imageGCHighThresholdPercent": 100,
        "maxPods": 500,
        "serializeImagePulls": false,
        "registryPullQPS": 0,
        "kubeAPIQPS": 500,
        "kubeAPIBurst": 1000,
        "eventRecordQPS": 0,
        "syncFrequency": "10s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "nodeStatusUpdateFrequency": "5s",
        "resolvConf": request.path("resolv.conf"),
    });
    format!("{configuration:#}\n")
}

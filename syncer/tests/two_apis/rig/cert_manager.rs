//! cert-manager on the host: its controller with the permissions of an administrator.
//!
//! Its webhook is omitted. It would only refuse earlier what the controller refuses in a status.

use std::fs;

use super::process::Process;
use super::{Host, background};

/// A running cert-manager; it ends when it is dropped.
pub(crate) struct CertManager {
    _controller: Process,
}

impl CertManager {
    /// Creates its CRDs on the host and starts it there.
    pub(crate) async fn start() -> Self {
        let host = Host::shared().await;
        let programs = testkit::binaries(&["cert-manager"])
            .await
            .expect("the programs can be had");
        host.define(programs.folder("cert-manager").expect("it was asked for"))
            .await;
        let folder = background::folder().join("cert-manager");
        fs::create_dir(&folder).expect("the folder is ours");
        let arguments = [
            format!("--kubeconfig={}", host.admin_kubeconfig().display()),
            "--leader-elect=false".to_owned(),
            "--metrics-listen-address=127.0.0.1:0".to_owned(),
        ];
        let program = programs.program("cert-manager").expect("it was asked for");
        Self {
            _controller: Process::start(program, &arguments, &folder, "cert-manager"),
        }
    }
}

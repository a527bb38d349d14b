//! A registry on the loopback of a cluster's node.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::host::Host;

/// The address on which it listens. It is loopback, in a network that the test's own cluster has created.
const ADDRESS: &str = "127.0.0.1:5000";

/// The path below which images are pushed.
const PREFIX: &str = "team";

/// A real registry, which keeps pushed images in a folder.
pub(crate) struct Registry {
    folder: tempfile::TempDir,
    process: Child,
    prefix: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().expect("it was started from here");
        self.process.wait().expect("it was started from here");
    }
}

impl Registry {
    pub(crate) fn on(host: &Host) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("there can be a runtime");
        let binaries = runtime
            .block_on(testkit::binaries(&["registry"]))
            .expect("a registry can be had");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let settings = folder.path().join("config.yaml");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{ADDRESS}\"}}\n",
            folder.path().join("data").display()
        );
        fs::write(&settings, text).expect("it can be written");
        let process = host
            .beside(binaries.program("registry").expect("it was asked for"))
            .arg("serve")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        Self {
            folder,
            process,
            prefix: format!("{ADDRESS}/{PREFIX}"),
        }
    }

    /// Returns the prefix of the names of images in it.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns true if it has an image of this name.
    pub(crate) fn serves(&self, name: &str) -> bool {
        let kept = PathBuf::from("data/docker/registry/v2/repositories")
            .join(PREFIX)
            .join(name);
        self.folder.path().join(kept).join("_manifests/tags").is_dir()
    }
}

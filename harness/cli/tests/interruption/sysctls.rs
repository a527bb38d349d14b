//! Sysctls of the machine that a kubelet sets: the host cluster's kubelet sets its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Each with a value that a kubelet changes.
const SYSCTLS: [(&str, &str); 6] = [
    ("kernel/keys/root_maxbytes", "24999999"),
    ("kernel/keys/root_maxkeys", "999999"),
    ("kernel/panic", "11"),
    ("kernel/panic_on_oops", "0"),
    ("vm/overcommit_memory", "0"),
    ("vm/panic_on_oom", "1"),
];

/// The machine's values, which come back when this goes.
struct Kept(Vec<(PathBuf, String)>);

impl Kept {
    fn set() -> Self {
        let there = SYSCTLS.map(|(sysctl, value)| (Path::new("/proc/sys").join(sysctl), value));
        let there = there.into_iter().filter(|(path, _)| path.exists());
        let kept = there.map(|(path, value)| {
            let was = fs::read_to_string(&path).expect("it can be read");
            fs::write(&path, value).expect("root may set it");
            (path, was)
        });
        Self(kept.collect())
    }

    fn now(&self) -> Vec<String> {
        let read = |(path, _): &(PathBuf, String)| fs::read_to_string(path).expect("it can be read");
        self.0.iter().map(read).collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (path, was) in &self.0 {
            // A test that failed is to say why it did.
            let _ = fs::write(path, was);
        }
    }
}

#[test]
#[ignore = "needs root and built binaries"]
fn a_host_cluster_leaves_the_machines_sysctls_as_they_are() {
    let kept = Kept::set();
    let before = kept.now();
    assert!(before.len() >= 4, "the machine has none of them");
    let environment = Environment::new("sysctls");
    let up = [
        "up",
        "--tenants",
        "1",
        "--until",
        "substrate",
        "--substrate",
        "native",
    ];
    let run = environment.harness(&up).output().expect("the program can be run");
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert_eq!(kept.now(), before, "while it is up");
    environment.down();
    assert_eq!(kept.now(), before, "when it is gone");
}

//! A runtime for daemons that may not do everything.
//!
//! A privileged container gets every capability, and a container can get higher limits than the daemon's. If the
//! daemon itself lacks `CAP_SYS_RESOURCE`, as in most containers, runc cannot grant that and fails. So this runtime
//! removes it from the request, and then executes runc.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

/// The command line's hidden command that is this runtime.
pub const COMMAND: &str = "docker-runtime";

/// The capability that the daemon lacks.
const LACKING: &str = "CAP_SYS_RESOURCE";

/// The fields that need that capability, in the OCI runtime specification's process
/// (<https://github.com/opencontainers/runtime-spec/blob/v1.1.0/config.md#process>).
const PRIVILEGES: [&str; 2] = ["rlimits", "oomScoreAdj"];

/// Becomes `runc`, called with `arguments`; returns only if it cannot.
pub fn run(runc: &Path, arguments: &[OsString]) -> io::Result<Infallible> {
    match asked(arguments) {
        Asked::Container { bundle } => change(&bundle.join("config.json"), process_of)?,
        Asked::Process { file } => change(&file, Value::as_object_mut)?,
        Asked::Other => {}
    }
    Err(Command::new(runc).args(arguments).exec())
}

/// The object that runc is asked to create, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// A container, described in the folder `bundle`.
    Container { bundle: PathBuf },
    /// A further process in a container, described in `file`.
    Process { file: PathBuf },
    /// Nothing that has privileges.
    Other,
}

fn asked(arguments: &[OsString]) -> Asked {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let value = |long: &str, short: &str| {
        let at = arguments
            .iter()
            .position(|argument| argument == long || argument == short)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    if has("create") || has("run") {
        // Runc's own default.
        let bundle = value("--bundle", "-b").unwrap_or_else(|| ".".into());
        return Asked::Container { bundle };
    }
    match value("--process", "-p") {
        Some(file) if has("exec") => Asked::Process { file },
        _ => Asked::Other,
    }
}

fn process_of(config: &mut Value) -> Option<&mut Map<String, Value>> {
    config.get_mut("process")?.as_object_mut()
}

/// Takes the privileges out of the process that `find` finds in a file.
fn change(file: &Path, find: impl FnOnce(&mut Value) -> Option<&mut Map<String, Value>>) -> io::Result<()> {
    let mut described: Value = serde_json::from_slice(&fs::read(file)?)?;
    if let Some(process) = find(&mut described) {
        reduce(process);
    }
    // Written over and not replaced: others may have the file open.
    fs::write(file, serde_json::to_vec(&described)?)
}

fn reduce(process: &mut Map<String, Value>) {
    for privilege in PRIVILEGES {
        process.remove(privilege);
    }
    let sets = process.get_mut("capabilities").and_then(Value::as_object_mut);
    for set in sets.into_iter().flat_map(Map::values_mut) {
        if let Some(set) = set.as_array_mut() {
            set.retain(|capability| capability != LACKING);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::create(
        "--root /run/r --log l create --bundle /b --pid-file /p id",
        Asked::Container { bundle: "/b".into() }
    )]
    #[case::run_here("run id", Asked::Container { bundle: ".".into() })]
    #[case::exec("--log l exec --process /tmp/p.json --detach id", Asked::Process { file: "/tmp/p.json".into() })]
    #[case::exec_of_words("exec id ls", Asked::Other)]
    #[case::other("--log l delete --force id", Asked::Other)]
    fn what_is_asked_for_is_understood(#[case] line: &str, #[case] expected: Asked) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        assert_eq!(asked(&words), expected);
    }

    #[test]
    fn a_container_loses_what_the_daemon_lacks_and_nothing_else() {
        let bundle = tempfile::tempdir().unwrap();
        let file = bundle.path().join("config.json");
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "args": ["sh"],
                "capabilities": { "bounding": ["CAP_SYS_ADMIN", LACKING], "effective": [LACKING] },
                "oomScoreAdj": -500,
                "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1_000_000, "soft": 1_000_000 }],
            },
        });
        fs::write(&file, config.to_string()).unwrap();
        change(&file, process_of).unwrap();
        let changed: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let expected = json!({
            "ociVersion": "1.0.2",
            "process": {
                "args": ["sh"],
                "capabilities": { "bounding": ["CAP_SYS_ADMIN"], "effective": [] },
            },
        });
        assert_eq!(changed, expected);
    }
}

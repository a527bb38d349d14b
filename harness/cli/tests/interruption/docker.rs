//! A command with a Docker daemon of its own, and the remains of both.

use std::process::{Command, Output};

use rstest::rstest;
use rustix::process::Signal;

use crate::environment::Environment;

/// The output of a command that was started and has a daemon.
const STARTED: &str = "the command runs";

/// A shell script that prints [`STARTED`], closes its output and then does not end by itself.
const ENDLESS: &str = "docker info >/dev/null && echo the command runs >&2
exec >/dev/null 2>&1
while true; do sleep 600; done";

fn output(environment: &Environment, script: &str) -> Output {
    environment
        .harness(&["docker", "--", "bash", "-c", script])
        .output()
        .expect("the program can be run")
}

#[rstest]
#[case::good("docker-good", "docker info >/dev/null; echo printed", 0, "printed\n")]
#[case::bad("docker-bad", "echo printed; exit 42", 42, "printed\n")]
#[case::killed("docker-killed", "kill -KILL $$", 137, "")]
#[case::leaves_a_process("docker-leaves", "sleep 600 & exit 5", 5, "")]
#[ignore = "needs root and Debian's packages"]
fn a_commands_output_and_exit_code_are_its_own(
    #[case] name: &str,
    #[case] script: &str,
    #[case] code: i32,
    #[case] printed: &str,
) {
    let environment = Environment::new(name);
    let done = output(&environment, script);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(
        (done.status.code(), &*String::from_utf8_lossy(&done.stdout)),
        (Some(code), printed),
        "{said}"
    );
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[test]
#[ignore = "needs root and Debian's packages"]
fn a_command_that_is_not_there_has_the_code_of_shells() {
    let environment = Environment::new("docker-absent");
    let done = environment
        .harness(&["docker", "--", "no-such-program"])
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(127), "{said}");
    assert!(said.contains("failed to run no-such-program"), "{said}");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

/// A container with every privilege, started and entered; its published port is on the command's loopback.
const PRIVILEGED: &str = r#"
set -e
tar --create --directory "$(dirname "$APP")" "$(basename "$APP")" |
    docker import --change "ENTRYPOINT [\"/$(basename "$APP")\"]" - app >/dev/null
docker run --detach --privileged --cgroupns private --ulimit nofile=2000000:2000000 --name app --publish 127.0.0.1::3001 \
    --env PORT=3001 --env LISTEN_ADDRESS=0.0.0.0 app >/dev/null
address=$(docker port app 3001/tcp)
ask() { exec 3<>"/dev/tcp/${address/://}" && printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 && head -1 <&3; }
export address; export -f ask
timeout 30 bash -c 'until ask 2>/dev/null | grep "200 OK"; do :; done'
docker inspect --format '{{.HostConfig.Privileged}} {{.HostConfig.CgroupnsMode}}' app
docker exec app /"$(basename "$APP")" --no-such-argument 2>/dev/null || echo "entered, exit code $?"
"#;

#[tokio::test]
#[ignore = "needs root and Debian's packages"]
async fn a_privileged_container_runs_and_its_port_answers() {
    let binaries = testkit::binaries(&["read-app"]).await.expect("cargo builds it");
    let app = binaries.program("read-app").expect("it was asked for");
    let environment = Environment::new("docker-privileged");
    let done = environment
        .harness(&["docker", "--", "bash", "-c", PRIVILEGED])
        .env("APP", app)
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let printed = String::from_utf8_lossy(&done.stdout).replace('\r', "");
    assert_eq!(
        printed, "HTTP/1.0 200 OK\ntrue private\nentered, exit code 2\n",
        "{said}"
    );
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[rstest]
#[case::interrupted("docker-int", Signal::INT)]
#[case::terminated("docker-term", Signal::TERM)]
#[ignore = "needs root and Debian's packages"]
fn a_signal_ends_the_command_and_the_daemon(#[case] name: &str, #[case] signal: Signal) {
    let environment = Environment::new(name);
    let run = environment.until(&["docker", "--", "bash", "-c", ENDLESS], STARTED);
    let (code, said) = run.ends_by(signal);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[rstest]
#[case::when_the_sandbox_starts("docker-kill-sandbox", "docker: sandbox started")]
#[case::when_the_command_runs("docker-kill-command", STARTED)]
#[ignore = "needs root and Debian's packages"]
fn what_a_killed_one_leaves_is_removed_by_down(#[case] name: &str, #[case] moment: &str) {
    let environment = Environment::new(name);
    let run = environment.until(&["docker", "--", "bash", "-c", ENDLESS], moment);
    let (code, said) = run.ends_by(Signal::KILL);
    assert_eq!(code, None, "{said}");
    let left = environment.remains();
    assert_ne!(left, Vec::<String>::new(), "the probe sees nothing");
    let again = output(&environment, "true");
    let refused = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(3), "{refused}");
    assert!(refused.contains("cargo harness down --name"), "{refused}");
    environment.down();
    assert_eq!(environment.remains(), Vec::<String>::new());
}

/// Puts an overlay over the state folder, in a mount namespace of its own, and calls the harness there: no daemon can have
/// its images on such a file system.
const ON_AN_OVERLAY: &str = r#"
set -e
mount -t tmpfs none "$XDG_STATE_HOME"
cd "$XDG_STATE_HOME"
mkdir lower upper work state
mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work state
export XDG_STATE_HOME=$PWD/state
exec "$@"
"#;

#[test]
#[ignore = "needs root and Debian's packages"]
fn a_daemon_that_cannot_run_says_why() {
    let environment = Environment::new("docker-overlay");
    let plain = environment.harness(&["docker", "--", "true"]);
    let mut within = Command::new("unshare");
    within
        .args(["--mount", "bash", "-c", ON_AN_OVERLAY, "bash"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = within.output().expect("the program can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("driver not supported"), "{said}");
    assert!(said.contains("caused by: dockerd ended"), "{said}");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

//! Environment variables that a syncer ignores.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::json;

#[test]
fn a_proxy_of_the_environments_is_not_asked() {
    let host = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = host.local_addr().expect("it is bound");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let kubeconfig = folder.path().join("kubeconfig");
    let config = json!({
        "clusters": [{"name": "host", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "host", "user": {"token": "a"}}],
        "contexts": [{"name": "host", "context": {"cluster": "host", "user": "host"}}],
        "current-context": "host",
    });
    fs::write(&kubeconfig, config.to_string()).expect("the folder is ours");
    let values = folder.path().join("values.yaml");
    fs::write(&values, "multiNamespaceMode: {enabled: true}\n").expect("the folder is ours");

    let mut syncer = Command::new(env!("CARGO_BIN_EXE_syncer"))
        .args(["run", "--name=a", "--namespace=b", "--pki=."])
        .args(["--status", "--metrics", "--kubelet"].map(|port| format!("{port}=127.0.0.1:0")))
        .arg(format!("--values={}", values.display()))
        .args(["host", "guest"].map(|side| format!("--{side}-kubeconfig={}", kubeconfig.display())))
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is a program");
    let mut log = syncer.stderr.take().expect("it is piped");
    // Should it end, nobody else would knock.
    let knocking = thread::spawn(move || {
        let mut said = String::new();
        log.read_to_string(&mut said).expect("it is text");
        if let Ok(mut stream) = TcpStream::connect(address) {
            stream.write_all(said.as_bytes()).expect("somebody reads");
        }
    });
    let (mut stream, _) = host.accept().expect("it listens");
    let mut asked = vec![0; 4096];
    let length = stream.read(&mut asked).expect("it is said");
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    drop(host);
    syncer.kill().expect("it is ours");
    syncer.wait().expect("it ends");
    knocking.join().expect("it ends");
    assert!(
        asked.starts_with("GET /api/v1/namespaces/b/services/a"),
        "{asked}"
    );
}

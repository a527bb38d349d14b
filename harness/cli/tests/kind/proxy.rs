//! A way to the daemon that can be cut off: a Unix socket that leads to the daemon's own.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{env, io, net, thread};

/// The daemon's socket, unless `DOCKER_HOST` is set.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// It leads to the daemon until it is cut.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    pub(crate) fn to_docker() -> Self {
        let host = env::var_os("DOCKER_HOST").map(|host| host.to_string_lossy().into_owned());
        let host = host.unwrap_or_else(|| DEFAULT.to_owned());
        let daemon = PathBuf::from(
            host.strip_prefix("unix://")
                .expect("these tests need a local daemon"),
        );
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("it can be made");
        let (cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_cut, streams) = (Arc::clone(&cut), Arc::clone(&open));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = UnixStream::connect(&daemon) else {
                    continue;
                };
                let mut streams = streams.lock().expect("no thread panics with it");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    streams.push(from.try_clone().expect("there are file descriptors"));
                    let pair = (from.try_clone(), to.try_clone());
                    thread::spawn(move || copy(pair));
                }
            }
        });
        Self { folder, cut, open }
    }

    /// Returns the value for `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// Ends all connections, and takes no more.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("no thread panics with it").drain(..) {
            // One that has ended by itself is no longer connected.
            let _ended = stream.shutdown(net::Shutdown::Both);
        }
    }

    /// Takes connections again.
    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Copies one way until it ends, and ends the other side's reading.
fn copy((from, to): (io::Result<UnixStream>, io::Result<UnixStream>)) {
    if let (Ok(mut from), Ok(mut to)) = (from, to) {
        let _cut_off = io::copy(&mut from, &mut to);
        let _ended = to.shutdown(net::Shutdown::Write);
    }
}

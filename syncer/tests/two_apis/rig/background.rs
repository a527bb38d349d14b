//! State that lives as long as the test process, and the clean-up after it.
//!
//! Tests are threads that end, and a process ends with the thread that started it. So a thread that never ends starts everything
//! that tests share.

use std::future::{Future, pending};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio::sync::OnceCell;

/// Returns the value of the cell, which is created first if the cell is empty.
pub(super) async fn shared<T, Making>(
    cell: &'static OnceCell<T>,
    make: impl FnOnce() -> Making + Send + 'static,
) -> T
where
    T: Clone + Send + Sync,
    Making: Future<Output = T> + Send,
{
    let having = background().spawn(async move { cell.get_or_init(make).await.clone() });
    match having.await {
        Ok(shared) => shared,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Returns a name that is unique in this test process.
pub(crate) fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the folder of this test process. It is removed when the process ends.
pub(super) fn folder() -> &'static Path {
    static FOLDER: OnceLock<(PathBuf, ChildStdin)> = OnceLock::new();
    let (folder, _) = FOLDER.get_or_init(|| {
        let folder = tempfile::Builder::new()
            .prefix("two-apis-")
            .tempdir()
            .expect("a temporary folder can be made")
            .keep();
        let lifeline = remove_in_the_end(&folder);
        (folder, lifeline)
    });
    folder
}

/// Removes a folder once the returned pipe is closed. It is closed when this process ends, however it ends.
fn remove_in_the_end(folder: &Path) -> ChildStdin {
    let remover = Command::new("sh")
        // What writes there has just been killed, and may not be gone.
        .args(["-c", r#"read _; until rm -rf -- "$0"; do sleep 0.1; done"#])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for the tests.
        .process_group(0)
        .spawn();
    remover
        .expect("there is a shell")
        .stdin
        .expect("it was asked for")
}

fn background() -> &'static Handle {
    static BACKGROUND: OnceLock<Handle> = OnceLock::new();
    BACKGROUND.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(pending::<()>()));
        handle
    })
}

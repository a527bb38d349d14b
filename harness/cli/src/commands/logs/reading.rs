//! The content of a log, now or as it grows.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, LogParams};
use provision::command::last_lines;
use provision::wait;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc::Sender;

use super::sources::{Log, Logged, Source, asked};
use crate::Failure;

/// The interval between two reads of a file that is followed.
const LOOKS: Duration = Duration::from_millis(200);

/// The part of a log that is printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The number of lines from its end; all of them if there is none.
    pub(super) tail: Option<u32>,
    /// The greatest age of a line, in seconds.
    pub(super) since: Option<i64>,
    /// Reads the log of the container before its last restart.
    pub(super) previous: bool,
}

impl Wanted {
    fn parameters(&self, container: &str, follow: bool) -> LogParams {
        LogParams {
            container: Some(container.to_owned()),
            follow,
            previous: self.previous,
            since_seconds: self.since,
            tail_lines: self.tail.map(Into::into),
            ..LogParams::default()
        }
    }
}

/// Returns those of `logs`, which `what` asked for, that have the wanted part. Fails if none has.
pub(super) fn that_have(logs: Vec<Log>, wanted: &Wanted, what: &str) -> Result<Vec<Log>, Failure> {
    let is_file = |log: &Log| matches!(log.of, Source::File(_));
    if wanted.since.is_some() && logs.iter().any(is_file) {
        return Err(Failure::NoTimes {
            what: what.to_owned(),
        });
    }
    if !wanted.previous {
        return Ok(logs);
    }
    let has_restarted = |log: &Log| matches!(log.of, Source::Container { restarted: true, .. });
    let restarted: Vec<Log> = logs.into_iter().filter(has_restarted).collect();
    if restarted.is_empty() {
        return Err(Failure::NotRestarted {
            what: what.to_owned(),
        });
    }
    Ok(restarted)
}

/// Returns the wanted part of a log.
pub(super) async fn read(log: &Log, logged: &Logged, wanted: &Wanted) -> Result<String, Failure> {
    match (&log.of, &logged.client) {
        (Source::File(path), _) => {
            let text = fs::read(path).map_err(unreadable(path))?;
            Ok(last(&String::from_utf8_lossy(&text), wanted))
        }
        (
            Source::Container {
                namespace,
                pod,
                container,
                ..
            },
            Some(client),
        ) => {
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            api.logs(pod, &wanted.parameters(container, false))
                .await
                .map_err(asked(&format!("the log of {container} in {namespace}/{pod}")))
        }
        // Containers are known from the cluster alone.
        (Source::Container { .. }, None) => Ok(String::new()),
    }
}

fn last(text: &str, wanted: &Wanted) -> String {
    match wanted.tail {
        Some(lines) => last_lines(text, usize::try_from(lines).unwrap_or(usize::MAX)),
        None => text.to_owned(),
    }
}

/// Sends the lines of a log as they come, with its name, until the log ends or the receiver is closed.
pub(super) async fn follow(
    log: &Log,
    client: Option<&Client>,
    wanted: &Wanted,
    lines: &Sender<(String, String)>,
) -> Result<(), Failure> {
    match (&log.of, client) {
        (Source::File(path), _) => follow_file(&log.name, path, wanted, lines)
            .await
            .map_err(unreadable(path)),
        (
            Source::Container {
                namespace,
                pod,
                container,
                ..
            },
            Some(client),
        ) => {
            let failed = || asked(&format!("the log of {container} in {namespace}/{pod}"));
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let stream = api.log_stream(pod, &wanted.parameters(container, true)).await;
            let mut stream = stream.map_err(failed())?.lines();
            let next = |error| failed()(kube::Error::ReadEvents(error));
            while let Some(line) = stream.try_next().await.map_err(next)? {
                if lines.send((log.name.clone(), line)).await.is_err() {
                    break;
                }
            }
            Ok(())
        }
        (Source::Container { .. }, None) => Ok(()),
    }
}

/// Follows a file until it is removed.
async fn follow_file(
    name: &str,
    path: &Path,
    wanted: &Wanted,
    lines: &Sender<(String, String)>,
) -> io::Result<()> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).await?;
    let mut pending = last(&String::from_utf8_lossy(&text), wanted).into_bytes();
    let mut at = file.stream_position().await?;
    loop {
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            if lines.send((name.to_owned(), line)).await.is_err() {
                return Ok(());
            }
        }
        if !path.exists() {
            return Ok(());
        }
        wait::rest(LOOKS).await;
        // One that was emptied is followed from its beginning.
        if file.metadata().await?.len() < at {
            file.rewind().await?;
        }
        file.read_to_end(&mut pending).await?;
        at = file.stream_position().await?;
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::Read { path, source }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::sync::mpsc;

    use super::*;

    const ALL: Wanted = Wanted {
        tail: Some(2),
        since: None,
        previous: false,
    };

    fn container(restarted: bool) -> Log {
        Log {
            name: "tenant-1/syncer".to_owned(),
            of: Source::Container {
                namespace: "vcluster-tenant-1".to_owned(),
                pod: "tenant-1-0".to_owned(),
                container: "syncer".to_owned(),
                restarted,
            },
        }
    }

    fn process() -> Log {
        Log {
            name: "kubelet".to_owned(),
            of: Source::File("/kubelet.log".into()),
        }
    }

    #[test]
    fn what_has_not_restarted_has_no_earlier_log() {
        let previous = Wanted {
            previous: true,
            ..ALL
        };
        let both = vec![container(false), container(true)];
        assert_eq!(that_have(both, &previous, "tenant-1").unwrap(), [container(true)]);
        for never in [container(false), process()] {
            let refused = that_have(vec![never], &previous, "it").unwrap_err();
            assert!(matches!(refused, Failure::NotRestarted { .. }), "{refused}");
        }
    }

    #[test]
    fn the_log_of_a_process_has_no_times_to_choose_by() {
        let since = Wanted {
            since: Some(60),
            ..ALL
        };
        let refused = that_have(vec![process()], &since, "kubelet").unwrap_err();
        assert!(matches!(refused, Failure::NoTimes { .. }), "{refused}");
        assert!(that_have(vec![container(false)], &since, "tenant-1").is_ok());
    }

    #[tokio::test]
    async fn a_file_is_followed_from_its_last_lines_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubelet.log");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let (sender, mut lines) = mpsc::channel(8);
        let follower = tokio::spawn({
            let path = path.clone();
            async move { follow_file("kubelet", &path, &ALL, &sender).await }
        });
        let mut next = async || lines.recv().await.map(|(_, line)| line);
        assert_eq!(next().await.as_deref(), Some("two"));
        assert_eq!(next().await.as_deref(), Some("three"));
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"fo").unwrap();
        file.write_all(b"ur\n").unwrap();
        assert_eq!(next().await.as_deref(), Some("four"));
        fs::remove_file(&path).unwrap();
        assert_eq!(next().await, None);
        follower.await.unwrap().unwrap();
    }
}

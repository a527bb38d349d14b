//! `logs`: of a tenant's control plane, an app, a sidecar, or something of the host cluster.
//!
//! Reads only, and does not take the environment's lock: an environment that comes up or goes down is the one whose logs
//! are needed most.

use tokio::sync::mpsc;

use super::Context;
use crate::arguments::Logs;
use crate::{Exit, Failure, failure, output};

/// The logs of an environment.
mod sources;

/// The content of a log.
mod reading;

use reading::Wanted;
use sources::{Log, Logged};

/// The default number of lines that are printed.
const TAIL: u32 = 200;

/// Prints the logs that are asked for, or the names of those there are.
pub(super) async fn print(context: &Context, wanted: &Logs) -> Result<Exit, Failure> {
    let logged = Logged::find(context).await?;
    let Some(what) = &wanted.what else {
        let mut names: Vec<String> = logged.logs.into_iter().map(|log| log.name).collect();
        names.dedup();
        if context.is_json() {
            output::json(&names)?;
        } else {
            output::text(&names.into_iter().map(|name| name + "\n").collect::<String>())?;
        }
        return Ok(Exit::Passed);
    };
    let asked_for: Vec<Log> = logged
        .logs
        .iter()
        .filter(|log| is_within(&log.name, what))
        .cloned()
        .collect();
    if asked_for.is_empty() {
        let mut has: Vec<String> = logged.logs.iter().map(|log| log.name.clone()).collect();
        has.dedup();
        return Err(Failure::NoLogs {
            name: context.name().to_owned(),
            what: what.clone(),
            has,
        });
    }
    let how = Wanted {
        // Since a time, all is wanted; else what a screen or two have room for.
        tail: wanted.tail.or_else(|| wanted.since.is_none().then_some(TAIL)),
        since: wanted.since.map(|since| since.as_secs()),
        previous: wanted.previous,
    };
    let asked_for = reading::that_have(asked_for, &how, what)?;
    if wanted.follow {
        follow(context, &logged, asked_for, &how).await
    } else {
        once(context, &logged, &asked_for, &how).await
    }
}

/// Prints the present content of the logs, each below its name if there are several.
async fn once(context: &Context, logged: &Logged, logs: &[Log], how: &Wanted) -> Result<Exit, Failure> {
    let mut printed = Vec::new();
    for log in logs {
        let text = match reading::read(log, logged, how).await {
            Ok(text) => text,
            // Of several, one that is not there yet keeps nobody from the others.
            Err(error) if logs.len() > 1 => {
                failure::print(&error);
                continue;
            }
            Err(error) => return Err(error),
        };
        if context.is_json() {
            printed.push(serde_json::json!({ "name": log.name, "lines": text.lines().collect::<Vec<_>>() }));
            continue;
        }
        if logs.len() > 1 {
            output::text(&format!("==> {} <==\n", log.name))?;
        }
        output::text(&text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            output::text("\n")?;
        }
    }
    if context.is_json() {
        output::json(&printed)?;
    }
    Ok(Exit::Passed)
}

/// Prints lines as they come, each with its log's name if there are several, until all logs have ended.
async fn follow(context: &Context, logged: &Logged, logs: Vec<Log>, how: &Wanted) -> Result<Exit, Failure> {
    let several = logs.len() > 1;
    let (sender, mut lines) = mpsc::channel(1024);
    let mut following = tokio::task::JoinSet::new();
    for log in logs {
        let (sender, client, how) = (sender.clone(), logged.client.clone(), *how);
        following.spawn(async move { reading::follow(&log, client.as_ref(), &how, &sender).await });
    }
    drop(sender);
    while let Some((name, line)) = lines.recv().await {
        if context.is_json() {
            let line = serde_json::json!({ "name": name, "line": line });
            output::text(&format!("{line}\n"))?;
        } else if several {
            output::text(&format!("{name}: {line}\n"))?;
        } else {
            output::text(&format!("{line}\n"))?;
        }
    }
    let mut failed = None;
    while let Some(ended) = following.join_next().await {
        if let Err(error) = ended.map_err(Failure::Recording)? {
            if several {
                failure::print(&error);
            } else {
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(Exit::Passed), Err)
}

/// Returns true if `what` asks for a log of this name: by its name, or by that of the object that it is a part of. A
/// tenant's own name asks for its control plane, and not for everything that runs in it.
fn is_within(name: &str, what: &str) -> bool {
    name == what
        || name
            .strip_prefix(what)
            .is_some_and(|rest| rest.starts_with('/') && rest.matches('/').count() == 1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::control_plane("tenant-1/syncer", "tenant-1", true)]
    #[case::app_as_part_of_the_tenant("tenant-1/write-app/daprd", "tenant-1", false)]
    #[case::sidecar("tenant-1/write-app/daprd", "tenant-1/write-app", true)]
    #[case::itself("tenant-1/write-app", "tenant-1/write-app", true)]
    #[case::another("tenant-10/syncer", "tenant-1", false)]
    #[case::process("kubelet", "kubelet", true)]
    fn a_name_asks_for(#[case] log: &str, #[case] what: &str, #[case] yes: bool) {
        assert_eq!(is_within(log, what), yes);
    }
}

//! Process groups, so that ending a command ends everything that it started.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};

use tokio::process::Child;

/// The process groups that are running, for [`end_all`].
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Ends every command that is running, with all that it started; for a process that is about to end itself.
pub fn end_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.iter().copied().for_each(end);
}

/// A child that leads a process group, which is ended with it when it is dropped early.
#[derive(Debug)]
pub struct Group {
    /// Its leader.
    pub child: Child,
    leader: Option<i32>,
}

impl Group {
    /// Starts `command` as the leader of a group of its own.
    pub fn spawn(command: &mut tokio::process::Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(leader) = leader {
            RUNNING
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(leader);
        }
        Ok(Self { child, leader })
    }

    /// Waits until the leader ends by itself. Processes that it left running on purpose stay.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.forget();
        Ok(status)
    }

    fn forget(&mut self) -> Option<i32> {
        let leader = self.leader.take()?;
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&leader);
        Some(leader)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.forget() {
            end(leader);
        }
    }
}

fn end(leader: i32) {
    if let Some(leader) = rustix::process::Pid::from_raw(leader) {
        // It may have ended since; then there is nobody to signal.
        let _gone = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }
}

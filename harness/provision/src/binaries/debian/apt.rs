//! Downloading packages with apt, without its locks, hooks and state.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::Error;
use crate::binaries::progress::{BuildProgress, Verb};
use crate::command::{self, Command, Line};
use crate::events::Events;
use crate::pins::DebianPin;

/// The machine's own package lists, which are used if they exist.
const LISTS: &str = "/var/lib/apt/lists";

/// Hooks that act on the machine (and may delete its downloads) are not for a download of ours.
const NO_HOOKS: &str = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
                        #clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Pre-Install-Pkgs;\n\
                        #clear DPkg::Pre-Invoke;\n#clear DPkg::Post-Invoke;\n";

/// Downloads the pinned packages and all that they depend on into `folder`.
pub(super) async fn download(
    pin: &DebianPin,
    folder: &Path,
    stage: &str,
    events: &Events,
) -> Result<Vec<PathBuf>, Error> {
    let mut apt = Apt::prepare(pin, folder)?;
    let machines_lists_may_do = fs::read_dir(LISTS).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    });
    if !machines_lists_may_do {
        apt.update(stage, events).await?;
    }
    match apt.fetch(stage, events).await {
        // The machine's lists may be old and name packages that are no longer there.
        Err(Error::Fetch { .. }) if machines_lists_may_do => {
            apt.update(stage, events).await?;
            apt.fetch(stage, events).await?;
        }
        fetched => fetched?,
    }
    apt.packages()
}

struct Apt<'a> {
    pin: &'a DebianPin,
    folder: &'a Path,
    lists: PathBuf,
}

impl<'a> Apt<'a> {
    fn prepare(pin: &'a DebianPin, folder: &'a Path) -> Result<Self, Error> {
        for folder in [folder.join("archives/partial"), folder.join("lists/partial")] {
            fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        }
        for (name, content) in [("status", ""), ("no-hooks", NO_HOOKS)] {
            let file = folder.join(name);
            fs::write(&file, content).map_err(Error::file("write", &file))?;
        }
        Ok(Self {
            pin,
            folder,
            lists: PathBuf::from(LISTS),
        })
    }

    /// Returns an apt that assumes that nothing is installed, and keeps its files in the folder.
    fn apt(&self, words: &[&str]) -> Command {
        let place = |name: &str, path: &Path| format!("{name}={}", path.display());
        let options = [
            place("Dir::State::status", &self.folder.join("status")),
            place(
                "Dir::State::extended_states",
                &self.folder.join("extended_states"),
            ),
            place("Dir::State::lists", &self.lists),
            place("Dir::Cache::archives", &self.folder.join("archives")),
            "Dir::Cache::pkgcache=".into(),
            "Dir::Cache::srcpkgcache=".into(),
            "Debug::NoLocking=true".into(),
            // The folder is ours alone, so apt's own user could not write to it.
            "APT::Sandbox::User=".into(),
            "APT::Install-Recommends=false".into(),
            "Acquire::Retries=2".into(),
        ];
        Command::new("apt-get")
            .arg("--config-file")
            .arg(self.folder.join("no-hooks"))
            .args(options.iter().flat_map(|option| ["-o", option]))
            .args(words)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
    }

    async fn update(&mut self, stage: &str, events: &Events) -> Result<(), Error> {
        self.lists = self.folder.join("lists");
        events.progress(stage, "fetching the distribution's package lists");
        let updated = self.apt(&["update"]).run().await;
        updated
            .map(drop)
            .map_err(|failed| self.explain("the distribution's package lists".into(), failed))
    }

    async fn fetch(&self, stage: &str, events: &Events) -> Result<(), Error> {
        let verb = if self.pin.scripts { "download" } else { "install" };
        let install: Vec<&str> = ["--yes", verb]
            .into_iter()
            .chain(self.pin.packages.iter().map(String::as_str))
            .collect();
        let mut what = format!("the packages {}", self.pin.packages.join(", "));
        let planned = self.apt(&["--print-uris"]).args(&install).text().await;
        let planned = planned.map_err(|failed| self.explain(what.clone(), failed))?;
        let total = planned.lines().filter(|line| line.starts_with('\'')).count();

        events.progress(stage, format!("fetching {total} packages"));
        let mut progress = BuildProgress::new(stage, Verb::Fetching, Some(total as u64), events);
        let downloading = self
            .apt(&["--download-only"])
            .args(&install)
            .directory(self.folder.join("archives"));
        let downloading = downloading.run_telling(|line| {
            // Such as: Get:3 http://… bookworm/main amd64 runc amd64 1.1.5+ds1-1+deb12u1 [2710 kB]
            let Line::Out(text) = line else { return };
            let Some(package) = text.split(' ').nth(4) else {
                return;
            };
            if text.starts_with("Get:") {
                what = format!("the package {package}");
                progress.done(package);
            } else if text.starts_with("Ign:") {
                events.progress(
                    stage,
                    format!("failed to fetch {package}; apt-get tries it again"),
                );
            }
        });
        downloading
            .await
            .map(drop)
            .map_err(|failed| self.explain(what, failed))
    }

    fn packages(&self) -> Result<Vec<PathBuf>, Error> {
        let archives = self.folder.join("archives");
        let entries = fs::read_dir(&archives).map_err(Error::file("read", &archives))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let mut packages: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|end| end == "deb"))
            .collect();
        packages.sort();
        Ok(packages)
    }

    fn explain(&self, what: String, failed: command::Error) -> Error {
        let pin = self.pin.name.clone();
        match failed {
            command::Error::Run { source, .. } => Error::NoTool {
                tool: "apt-get",
                pin,
                remedy: "a distribution that has it, such as Debian",
                source,
            },
            failed if failed.is_disk_full() => Error::DiskFull {
                folder: self.folder.to_owned(),
            },
            source => Error::Fetch {
                pin,
                what,
                programs: self.pin.programs.join(", "),
                source,
            },
        }
    }
}

//! Unpacked from the distribution's packages.
//!
//! Packages are downloaded with all that they depend on, down to the C library, whatever is installed, and
//! unpacked into the cache. Nothing is installed, no maintainer script runs and no service is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::cache::{Cache, CacheEntry, Inputs, Lookup};
use super::{Error, Program, STAGE};
use crate::command::Command;
use crate::events::Events;
use crate::pins::DebianPin;

/// Downloading packages with apt, without its locks, hooks and state.
mod apt;

/// The libraries that a dynamically linked program needs.
mod libraries;

pub(crate) use libraries::loader;

/// The files that are kept of unpacked packages, and the folders that make them usable.
mod tree;

/// Changes when this recipe does, so that entries of the old one are not taken for the new one's.
const RECIPE: &str = "2";

/// The file that identifies the distribution. The distribution decides the content of packages with the same names.
const RELEASE: &str = "/etc/os-release";

/// The packages of a host cluster and of images, by their name in `pins.toml`.
pub const DEBIAN: &str = "debian";

/// The packages of a Docker daemon, by their name in `pins.toml`.
pub const DOCKER: &str = "docker";

/// The folders in which a distribution has its programs.
const FOLDERS: [&str; 4] = ["usr/sbin", "usr/bin", "sbin", "bin"];

/// The distribution's programs at the place where they were unpacked, and the files that they need to run there.
#[derive(Clone, Debug)]
pub struct Debian {
    folder: PathBuf,
    packages: Vec<String>,
    programs: BTreeMap<String, Program>,
}

/// The two implementations of `iptables`, both of which may be there and neither of which every kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iptables {
    /// On nftables, the distribution's default.
    Nft,
    /// On the kernel's `ip_tables`.
    Legacy,
}

impl Debian {
    /// Returns the folder that represents `/`. The kept files of the packages are below it, at their original paths.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join(tree::ROOT)
    }

    /// Returns the folder of the CNI plugins.
    #[must_use]
    pub fn cni_plugins(&self) -> PathBuf {
        self.root().join("usr/lib/cni")
    }

    /// Returns the path of one of the packages' programs, either one that can be asked for by name or a helper.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(tree::PROGRAMS).join(program)
    }

    /// Returns the packages and their versions, as `NAME_VERSION_ARCHITECTURE.deb`.
    #[must_use]
    pub fn packages(&self) -> &[String] {
        &self.packages
    }

    /// Returns the environment variables that the programs need to run from their folder, with `iptables` on
    /// nftables.
    ///
    /// In `PATH`, their folders come before the entries of this process' own `PATH`. The C library is the machine's
    /// own: a program and its loader must agree, and the loader's path is fixed.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        self.environment_with(Iptables::Nft)
    }

    /// Returns the same as [`Self::environment`], with this implementation of `iptables`.
    #[must_use]
    pub fn environment_with(&self, iptables: Iptables) -> Vec<(&'static str, OsString)> {
        let mut path = self.folder.join(iptables.folder()).into_os_string();
        path.push(":");
        path.push(self.folder.join(tree::PROGRAMS));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()));
        vec![
            ("PATH", path),
            (
                "LD_LIBRARY_PATH",
                self.folder.join(tree::LIBRARIES).into_os_string(),
            ),
            ("XTABLES_LIBDIR", self.folder.join(tree::XTABLES).into_os_string()),
        ]
    }

    /// Returns the programs of this `iptables` and their extensions, by the path that an image has them at.
    pub(crate) fn iptables_files(&self, iptables: Iptables) -> Result<BTreeMap<String, PathBuf>, Error> {
        let mut files = BTreeMap::new();
        for (folder, target) in [
            (self.folder.join(iptables.folder()), Some("/usr/sbin")),
            (self.folder.join(tree::XTABLES), None),
        ] {
            let listed = fs::read_dir(&folder).map_err(Error::file("read", &folder))?;
            let real = fs::canonicalize(&folder).map_err(Error::file("resolve", &folder))?;
            for entry in listed.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                // Extensions are looked for where the distribution has them.
                let own = real
                    .strip_prefix(self.root())
                    .unwrap_or(&real)
                    .display()
                    .to_string();
                let target = target.map_or_else(|| format!("/{own}"), str::to_owned);
                files.insert(format!("{target}/{name}"), entry.path());
            }
        }
        Ok(files)
    }

    /// Returns the loader and the libraries that programs of these packages need, by the path that they expect them
    /// at.
    pub(crate) fn needed(&self, programs: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>, Error> {
        libraries::needed(&self.root(), programs)
    }

    /// Finds which implementation of `iptables` this kernel has, by listing a table in a network of its own.
    /// Nftables where both do, or where neither can be tried, as without root.
    pub async fn iptables(&self) -> Iptables {
        for iptables in [Iptables::Nft, Iptables::Legacy] {
            let environment = self.environment_with(iptables);
            let list = Command::new("unshare").args(["--net", "iptables", "--table", "nat", "--list-rules"]);
            let list = environment
                .iter()
                .fold(list, |list, (name, value)| list.env(name, value));
            if list.run().await.is_ok() {
                return iptables;
            }
        }
        Iptables::Nft
    }

    pub(super) fn programs(&self) -> impl Iterator<Item = (String, Program)> {
        self.programs
            .iter()
            .map(|(name, program)| (name.clone(), program.clone()))
    }
}

impl Iptables {
    fn folder(self) -> &'static str {
        match self {
            Self::Nft => "iptables-nft",
            Self::Legacy => "iptables-legacy",
        }
    }

    /// Returns the program that contains all of `iptables`' commands in this implementation.
    fn program(self) -> &'static str {
        match self {
            Self::Nft => "xtables-nft-multi",
            Self::Legacy => "xtables-legacy-multi",
        }
    }
}

/// Gives the distribution's programs, from the cache or by downloading and unpacking them.
pub(super) async fn ensure(pin: &DebianPin, cache: &Cache, events: &Events) -> Result<Debian, Error> {
    let stage = format!("{STAGE}/{}", pin.name);
    let release = fs::read_to_string(RELEASE).map_err(Error::file("read", Path::new(RELEASE)))?;
    let inputs = Inputs::default()
        .with("recipe", RECIPE)
        .with("packages", pin.packages.join(" "))
        .with("distribution", identity(&release))
        .with("architecture", std::env::consts::ARCH);
    let entry = match cache.look_up(&pin.name, &inputs, &stage, events).await? {
        Lookup::Found(entry) => entry,
        Lookup::Missing(reservation) => {
            let making = async {
                let downloads = reservation.folder().join("downloads");
                let packages = apt::download(pin, &downloads, &stage, events).await?;
                tree::unpack(pin, &packages, &downloads, reservation.folder(), &stage, events).await?;
                fs::remove_dir_all(&downloads).map_err(Error::file("remove", &downloads))?;
                let names = packages.iter().filter_map(|package| package.file_name());
                let notes = names.map(|name| name.to_string_lossy().into_owned()).collect();
                reservation.fill(inputs, notes).await
            };
            events.stage(&stage, making).await?
        }
    };
    unpacked(pin, &entry)
}

fn unpacked(pin: &DebianPin, entry: &CacheEntry) -> Result<Debian, Error> {
    let programs = pin.programs.iter().map(|name| {
        let program = FOLDERS
            .iter()
            .find_map(|folder| entry.program(&format!("{}/{folder}/{name}", tree::ROOT)));
        let missing = || Error::Incomplete {
            pin: pin.name.clone(),
            program: name.clone(),
        };
        program.map(|program| (name.clone(), program)).ok_or_else(missing)
    });
    Ok(Debian {
        folder: entry.folder.clone(),
        packages: entry.manifest.notes.clone(),
        programs: programs.collect::<Result<_, _>>()?,
    })
}

/// Returns the lines of `os-release` that identify this release, without those that change with its updates.
fn identity(release: &str) -> String {
    let is_identity = |line: &&str| line.starts_with("ID=") || line.starts_with("VERSION_CODENAME=");
    release.lines().filter(is_identity).collect::<Vec<_>>().join(" ")
}

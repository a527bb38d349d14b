//! The request, resolved to binaries.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Error, Program, cache, names};
use crate::pins::Kubernetes;
use crate::pins::{DebianPin, GoPin, pins};

/// The programs and folders that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    names: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Wanted {
    /// Wants the programs of these names: their own (`daprd`), or that of their pin (`dapr`).
    pub fn these<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            folders: BTreeSet::new(),
        }
    }

    /// Wants the folders of these pins too, whether any of their programs is wanted or not.
    #[must_use]
    pub fn with_folders<N: Into<String>>(mut self, pins: impl IntoIterator<Item = N>) -> Self {
        self.folders.extend(pins.into_iter().map(Into::into));
        self
    }
}

impl Wanted {
    /// Returns true if a program is wanted, by its own name or by that of its pin.
    #[must_use]
    pub fn brings(&self, program: &str) -> bool {
        let go = pins()
            .go(Kubernetes::default())
            .filter(|pin| pin.names().any(|name| name == program))
            .map(|pin| pin.name.clone());
        let debian = pins().packages_of(program).map(|pin| pin.name.clone());
        go.chain(debian)
            .chain([program.to_owned()])
            .any(|name| self.names.contains(&name))
    }
}

/// The options for obtaining binaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Files that are used instead of a program of that name, as `NAME=FILE` on the command line.
    pub overrides: BTreeMap<String, PathBuf>,
    /// The thoroughness of the check of the cache.
    pub verify: Verify,
    /// The Kubernetes version. Programs of other versions are not wanted.
    pub kubernetes: Kubernetes,
}

impl Options {
    /// Fails if a file is given for a program that there is not, or is no program.
    pub fn check(&self) -> Result<(), Error> {
        let known = names();
        for (name, file) in &self.overrides {
            if !known.contains(name) {
                return Err(Error::unknown(name));
            }
            cache::executable(file).map_err(|source| Error::Override {
                name: name.clone(),
                file: file.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Reads `NAME=FILE`.
    pub fn parse_override(text: &str) -> Result<(String, PathBuf), String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok((name.to_owned(), PathBuf::from(file)))
            }
            _ => Err(format!(
                "expected NAME=FILE, such as etcd=/usr/bin/etcd, and not {text:?}"
            )),
        }
    }
}

/// The thoroughness of the check of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Compares size, time and mode, and the content only if the time differs.
    #[default]
    Cheaply,
    /// Compares the content.
    Content,
}

/// The binaries that must be there.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) go: Vec<Cow<'static, GoPin>>,
    pub(super) debian: Vec<&'static DebianPin>,
    pub(super) ours: Vec<String>,
    pub(super) overrides: BTreeMap<String, Program>,
}

impl Request {
    pub(super) fn resolve(wanted: &Wanted, options: &Options) -> Result<Self, Error> {
        options.check()?;
        let known = names();
        let overrides = options
            .overrides
            .iter()
            .map(|(name, file)| {
                let program = cache::program(file).map_err(|source| Error::Override {
                    name: name.clone(),
                    file: file.clone(),
                    source,
                })?;
                Ok((name.clone(), program))
            })
            .collect::<Result<BTreeMap<_, _>, Error>>()?;

        let groups: BTreeSet<&str> = pins()
            .go(options.kubernetes)
            .map(|pin| pin.name.as_str())
            .chain(pins().debian.iter().map(|pin| pin.name.as_str()))
            .chain([pins().cargo.name.as_str()])
            .collect();
        let all = wanted.names.iter().chain(&wanted.folders);
        if let Some(name) = all
            .into_iter()
            .find(|name| !known.contains(*name) && !groups.contains(name.as_str()))
        {
            return Err(Error::unknown(name));
        }

        let is_named = |name: &str| wanted.names.contains(name);
        let is_wanted = |pin: &str, program: &str| {
            (is_named(pin) || is_named(program)) && !overrides.contains_key(program)
        };
        let go = pins()
            .go(options.kubernetes)
            .filter_map(|pin| {
                let has_programs = pin.names().any(|program| is_wanted(&pin.name, &program));
                // No file can be given for a folder of a module.
                let has_folders =
                    (is_named(&pin.name) || wanted.folders.contains(&pin.name)) && !pin.folders.is_empty();
                match (has_programs, has_folders) {
                    (true, _) => Some(Cow::Borrowed(pin)),
                    (false, true) => Some(Cow::Owned(pin.folders_only())),
                    (false, false) => None,
                }
            })
            .collect();
        let debian = pins()
            .debian
            .iter()
            .filter(|pin| pin.programs.iter().any(|program| is_wanted(&pin.name, program)))
            .collect();
        let own = &pins().cargo;
        let ours = own
            .programs
            .iter()
            .filter(|program| is_wanted(&own.name, program))
            .cloned()
            .collect();
        Ok(Self {
            go,
            debian,
            ours,
            overrides,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_brings_its_pin_and_nothing_else() {
        let request =
            Request::resolve(&Wanted::these(["kube-apiserver", "etcd"]), &Options::default()).unwrap();
        let names: Vec<&str> = request.go.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(names, ["kubernetes", "etcd"]);
        assert!(request.debian.is_empty());
        assert!(request.ours.is_empty());
    }

    #[test]
    fn only_the_chosen_kubernetes_is_built() {
        let options = Options {
            kubernetes: Kubernetes::V1_33,
            ..Options::default()
        };
        let request = Request::resolve(&Wanted::these(["kubernetes"]), &options).unwrap();
        let versions: Vec<&str> = request
            .go
            .iter()
            .filter(|pin| pin.name == "kubernetes")
            .map(|pin| pin.version.as_str())
            .collect();
        assert_eq!(versions, ["1.33.13"]);
    }

    #[test]
    fn a_folder_is_had_without_the_programs_beside_it() {
        let request = Request::resolve(
            &Wanted::these(["etcd"]).with_folders(["dapr"]),
            &Options::default(),
        )
        .unwrap();
        let dapr = request.go.iter().find(|pin| pin.name == "dapr").unwrap();
        assert!(dapr.programs.is_empty());
        assert_eq!(dapr.folders, ["charts/dapr"]);
    }

    #[test]
    fn a_program_of_the_distribution_brings_the_packages_that_have_it() {
        let request = Request::resolve(&Wanted::these(["docker"]), &Options::default()).unwrap();
        let names: Vec<&str> = request.debian.iter().map(|pin| pin.name.as_str()).collect();
        assert_eq!(names, ["docker"]);
        assert!(request.go.is_empty());
    }

    #[test]
    fn a_file_takes_the_place_of_a_program_that_then_is_not_built() {
        let etcd = tempfile::NamedTempFile::new().unwrap();
        rustix::fs::chmod(etcd.path(), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        let options = Options {
            overrides: [("etcd".into(), etcd.path().into())].into(),
            ..Options::default()
        };
        let request = Request::resolve(&Wanted::these(["etcd"]), &options).unwrap();
        assert!(request.go.is_empty());
        assert_eq!(request.overrides["etcd"].path, etcd.path());
    }

    #[test]
    fn a_name_that_is_not_known_is_refused_with_the_nearest_one() {
        let error = Request::resolve(&Wanted::these(["kube-apiservr"]), &Options::default()).unwrap_err();
        insta::assert_snapshot!(error, @"find a binary named kube-apiservr: is it `kube-apiserver`?");
    }

    #[test]
    fn a_file_that_cannot_be_run_is_refused() {
        let options = Options {
            overrides: [("etcd".into(), "/nowhere/etcd".into())].into(),
            ..Options::default()
        };
        let error = Request::resolve(&Wanted::these(["etcd"]), &options).unwrap_err();
        insta::assert_snapshot!(error, @"use /nowhere/etcd as etcd");
    }
}

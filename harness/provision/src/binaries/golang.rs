//! Built from Go modules.
//!
//! Upstream's `replace` directives keep `go install …@version` from working, so each module has a go.mod of
//! its own here, whose go.sum pins every byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::sync::Semaphore;

use super::cache::{Cache, CacheEntry, Inputs, Lookup, Reservation};
use super::progress::{BuildProgress, Verb};
use super::{Error, Program, STAGE};
use crate::command::{self, Command, Line};
use crate::events::Events;
use crate::pins::GoPin;

/// Changes when this recipe does, so that entries of the old one are not taken for the new one's.
const RECIPE: &str = "1";

/// The variables of `go env` that decide the content of the built programs.
const ENVIRONMENT: [&str; 6] = [
    "GOVERSION",
    "GOOS",
    "GOARCH",
    "GOAMD64",
    "GOARM64",
    "GOEXPERIMENT",
];

/// The result of building a module.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) name: String,
    pub(super) programs: BTreeMap<String, Program>,
    /// The first of its folders.
    pub(super) folder: Option<PathBuf>,
}

/// Gives a module's programs, from the cache or by building them.
pub(super) async fn ensure(
    pin: &GoPin,
    cache: &Cache,
    turns: &Semaphore,
    events: &Events,
) -> Result<Built, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../binaries")
        .join(pin.folder());
    let module = Module { pin, folder };
    let stage = format!("{STAGE}/{}", pin.folder());
    let inputs = module.inputs().await?;
    let entry = match cache.look_up(pin.folder(), &inputs, &stage, events).await? {
        Lookup::Found(entry) => entry,
        Lookup::Missing(reservation) => {
            // A closed semaphore would be the only failure, and nothing closes it.
            let _turn = turns.acquire().await;
            let building = async {
                module.build(&reservation, &stage, events).await?;
                reservation.fill(inputs, Vec::new()).await
            };
            events.stage(&stage, building).await?
        }
    };
    module.built(&entry)
}

struct Module<'a> {
    pin: &'a GoPin,
    folder: PathBuf,
}

impl Module<'_> {
    async fn inputs(&self) -> Result<Inputs, Error> {
        let read = |name: &str| {
            let path = self.folder.join(name);
            fs::read_to_string(&path).map_err(Error::file("read", &path))
        };
        let environment = self.go(&["env"]).args(ENVIRONMENT).text().await;
        let environment = environment.map_err(|failed| self.explain(failed))?;
        Ok(Inputs::default()
            .with("recipe", RECIPE)
            .with("go.mod", read("go.mod")?)
            .with("go.sum", read("go.sum")?)
            .with("go env", environment)
            .with("packages", self.packages().join(" "))
            .with("rename", self.pin.rename.as_deref().unwrap_or_default())
            .with("folders", self.pin.folders.join(" "))
            .with("flags", self.flags().join(" ")))
    }

    fn flags(&self) -> Vec<String> {
        let set = self
            .pin
            .set
            .iter()
            .map(|setting| format!(" -X {}", self.pin.fill(setting)));
        let linker = format!("-s -w{}", set.collect::<String>());
        let mut flags = vec![
            "-mod=readonly".into(),
            "-trimpath".into(),
            "-buildvcs=false".into(),
        ];
        if !self.pin.tags.is_empty() {
            flags.push(format!("-tags={}", self.pin.tags.join(",")));
        }
        flags.push(format!("-ldflags={linker}"));
        flags
    }

    fn go(&self, words: &[&str]) -> Command {
        // A user's GOFLAGS and workspaces are for the user's own modules.
        Command::new("go")
            .args(words)
            .directory(&self.folder)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
    }

    async fn build(&self, reservation: &Reservation, stage: &str, events: &Events) -> Result<(), Error> {
        if !self.packages().is_empty() {
            self.compile(reservation, stage, events).await?;
        }
        self.keep_folders(reservation).await
    }

    async fn compile(&self, reservation: &Reservation, stage: &str, events: &Events) -> Result<(), Error> {
        let packages = self.fetch(stage, events).await?;
        let programs = reservation.folder().join("bin");
        fs::create_dir(&programs).map_err(Error::file("create", &programs))?;
        let output = match &self.pin.rename {
            Some(name) => programs.join(name),
            None => programs.clone(),
        };
        let mut builds = Vec::new();
        if !self.pin.programs.is_empty() {
            let build = self
                .go(&["build", "-v"])
                .args(self.flags())
                .arg("-o")
                .arg(&output);
            builds.push(build.args(&self.pin.programs));
        }
        if let (Some(package), Some(name)) = (&self.pin.tests, self.pin.test_program()) {
            let build = self.go(&["test", "-c", "-v", "-vet=off"]).args(self.flags());
            builds.push(build.arg("-o").arg(programs.join(name)).arg(package));
        }
        let mut progress = BuildProgress::new(stage, Verb::Compiling, Some(packages), events);
        for build in builds {
            let built = build.run_telling(|line| {
                if let Line::Err(text) = line {
                    progress.done(text);
                }
            });
            built
                .await
                .map_err(Error::build(&self.pin.name, reservation.folder()))?;
        }
        Ok(())
    }

    /// Returns the packages that are built into programs.
    fn packages(&self) -> Vec<&str> {
        let packages = self.pin.programs.iter().chain(&self.pin.tests);
        packages.map(String::as_str).collect()
    }

    /// Fetches the modules that are needed, and counts the packages that are not in Go's own build cache yet.
    async fn fetch(&self, stage: &str, events: &Events) -> Result<u64, Error> {
        let mut packages = 0;
        let mut what = format!("the Go module {}", self.pin.module);
        let mut progress = BuildProgress::new(stage, Verb::Compiling, None, events);
        let tests: &[&str] = if self.pin.tests.is_some() { &["-test"] } else { &[] };
        self.go(&["list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"])
            .args(tests)
            .args(self.flags())
            .args(self.packages())
            .run_telling(|line| match line {
                Line::Out(text) => packages += u64::from(!text.is_empty()),
                Line::Err(text) => {
                    if let Some(module) = text.strip_prefix("go: downloading ") {
                        what = format!("the Go module {}", module.replace(' ', "@"));
                        progress.say(&format!("fetching {what}"));
                    }
                }
            })
            .await
            .map_err(|source| Error::Fetch {
                pin: self.pin.name.clone(),
                what,
                programs: self.pin.names().collect::<Vec<_>>().join(", "),
                source,
            })?;
        Ok(packages)
    }

    async fn keep_folders(&self, reservation: &Reservation) -> Result<(), Error> {
        if self.pin.folders.is_empty() {
            return Ok(());
        }
        // Without programs to build, nothing has fetched it yet.
        let fetch = self.go(&["mod", "download", &self.pin.module]);
        fetch
            .run()
            .await
            .map_err(Error::build(&self.pin.name, reservation.folder()))?;
        let module = self
            .go(&["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", &self.pin.module])
            .text()
            .await;
        let module = module.map_err(Error::build(&self.pin.name, reservation.folder()))?;
        for folder in &self.pin.folders {
            let from = Path::new(&module).join(folder);
            copy(&from, &reservation.folder().join(folder))?;
        }
        Ok(())
    }

    fn built(&self, entry: &CacheEntry) -> Result<Built, Error> {
        let programs = self.pin.names().map(|name| {
            let program = entry.program(&format!("bin/{name}"));
            let missing = || Error::Incomplete {
                pin: self.pin.name.clone(),
                program: name.clone(),
            };
            let program = program.ok_or_else(missing)?;
            Ok::<_, Error>((name, program))
        });
        Ok(Built {
            name: self.pin.name.clone(),
            programs: programs.collect::<Result<_, _>>()?,
            folder: self.pin.folders.first().map(|folder| entry.folder.join(folder)),
        })
    }

    fn explain(&self, failed: command::Error) -> Error {
        let pin = self.pin.name.clone();
        match failed {
            command::Error::Run { source, .. } => Error::NoTool {
                tool: "go",
                pin,
                remedy: "Go 1.26 or newer (https://go.dev/dl)",
                source,
            },
            source => Error::Build { pin, source },
        }
    }
}

/// Copies a folder, without the write protection that Go's module cache has.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(Error::file("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::file("read", from))? {
        let entry = entry.map_err(Error::file("read", from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            let content = fs::read(&path).map_err(Error::file("read", &path))?;
            fs::write(&target, content).map_err(Error::file("write", &target))?;
        }
    }
    Ok(())
}

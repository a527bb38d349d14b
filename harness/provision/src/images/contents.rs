//! The content of an image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use crate::binaries::cache::{self, Inputs};
use crate::binaries::{self, Binaries, DEBIAN, Iptables};
use crate::pins::{ImagePin, pins};

/// Changes when the layout does, so that archives of the old one are not taken for the new one's.
const LAYOUT: &str = "1";

/// The users that programs may run as. Names are of use to people who look into a container; root and nobody else
/// owns files.
const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";

/// The groups that belong to them.
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";

/// The folders in which a container looks for programs.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A file or folder of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Folder { mode: u32, owner: u64 },
    Text(String),
    File { source: PathBuf, mode: u32 },
    Link(String),
}

impl Item {
    /// The mode of programs.
    pub(super) const EXECUTABLE: u32 = 0o755;

    pub(super) fn program(source: PathBuf) -> Self {
        Self::File {
            source,
            mode: Self::EXECUTABLE,
        }
    }
}

/// Everything that decides an image.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The files and folders by their path in the image, without the first slash. A parent comes before its content.
    pub(super) items: BTreeMap<String, Item>,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) user: String,
    pub(super) workdir: Option<String>,
    pub(super) environment: Vec<String>,
    pub(super) digests: Vec<String>,
}

impl Plan {
    /// Plans an image. Programs of the distribution bring the libraries that they need.
    pub(super) fn of(pin: &ImagePin, binaries: &Binaries, iptables: Option<Iptables>) -> Result<Self, Error> {
        let mut items = BTreeMap::from([
            ("etc/passwd".to_owned(), Item::Text(PASSWD.to_owned())),
            ("etc/group".to_owned(), Item::Text(GROUP.to_owned())),
            (
                "tmp".to_owned(),
                Item::Folder {
                    mode: 0o1777,
                    owner: 0,
                },
            ),
        ]);
        let mut digests = Vec::new();
        let mut linked: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
        for (name, target) in &pin.files {
            let program = binaries.found(name)?;
            if let Some(packages) = pins().packages_of(name) {
                linked
                    .entry(packages.name.as_str())
                    .or_default()
                    .push(program.path.clone());
            } else if let Some(loader) = binaries::loader(&program.path)? {
                return Err(Error::Linked {
                    program: program.path.clone(),
                    loader,
                });
            }
            digests.push(format!("{target} {}", program.sha256));
            let mode = pin.mode.unwrap_or(Item::EXECUTABLE);
            let source = program.path.clone();
            items.insert(inside(target), Item::File { source, mode });
        }
        if let (true, Some(iptables)) = (pin.iptables, iptables) {
            for (target, file) in binaries.debian(DEBIAN)?.iptables_files(iptables)? {
                linked.entry(DEBIAN).or_default().push(file.clone());
                items.insert(inside(&target), Item::program(file));
            }
        }
        for (packages, programs) in linked {
            let packages = binaries.debian(packages)?;
            digests.extend(packages.packages().iter().cloned());
            for (target, library) in packages.needed(&programs)? {
                items.insert(inside(&target), Item::program(library));
            }
        }
        if let Some(folder) = &pin.workdir {
            let owner = pin
                .user
                .split(':')
                .next()
                .and_then(|uid| uid.parse().ok())
                .unwrap_or(0);
            items.insert(inside(folder), Item::Folder { mode: 0o755, owner });
        }
        for (path, text) in &pin.texts {
            digests.push(format!("{path} {text}"));
            items.insert(inside(path), Item::Text(text.clone()));
        }
        if let Some(of) = &pin.copies_from {
            let folder = binaries.folder(of)?;
            for (file, target) in &pin.copies {
                let source = folder.join(file);
                let sha256 = cache::sha256_of(&source).map_err(Error::file("read", &source))?;
                digests.push(format!("{target} {sha256}"));
                items.insert(inside(target), Item::File { source, mode: 0o644 });
            }
        }
        for (path, target) in &pin.links {
            items.insert(inside(path), Item::Link(target.clone()));
        }
        if pin.applets {
            for applet in applets(&binaries.found("busybox")?.path)? {
                let link = Item::Link("/bin/busybox".to_owned());
                items.entry(format!("bin/{applet}")).or_insert(link);
            }
        }
        let links = items.iter().filter_map(|(path, item)| match item {
            Item::Link(target) => Some(format!("{path} -> {target}")),
            _ => None,
        });
        digests.extend(links);
        add_parents(&mut items);
        Ok(Self {
            items,
            entrypoint: pin.entrypoint.clone(),
            command: pin.command.clone(),
            user: pin.user.clone(),
            workdir: pin.workdir.clone(),
            environment: vec![PATH.to_owned()],
            digests,
        })
    }

    /// Returns the inputs that decide the image's bytes.
    pub(super) fn inputs(&self, name: &str) -> Inputs {
        Inputs::default()
            .with("layout", LAYOUT)
            .with("name", name)
            .with("architecture", std::env::consts::ARCH)
            .with("entrypoint", self.entrypoint.join(" "))
            .with("command", self.command.join(" "))
            .with("user", &self.user)
            .with("workdir", self.workdir.as_deref().unwrap_or_default())
            .with("environment", self.environment.join(" "))
            .with("items", self.items.keys().cloned().collect::<Vec<_>>().join("\n"))
            .with("digests", self.digests.join("\n"))
    }
}

/// Returns the names of busybox's applets, as it lists them itself.
fn applets(busybox: &Path) -> Result<Vec<String>, Error> {
    let listed = Command::new(busybox).arg("--list").output();
    let listed = listed.map_err(Error::file("list the applets of", busybox))?;
    let names = String::from_utf8_lossy(&listed.stdout);
    Ok(names.lines().map(str::to_owned).collect())
}

fn inside(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

fn add_parents(items: &mut BTreeMap<String, Item>) {
    let paths: Vec<String> = items.keys().cloned().collect();
    for path in paths {
        for (slash, _) in path.match_indices('/') {
            let parent = path[..slash].to_owned();
            items.entry(parent).or_insert(Item::Folder {
                mode: 0o755,
                owner: 0,
            });
        }
    }
}

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::images::contents::Item;

/// A tiny image with a program, a text and a folder of its user's.
struct Tiny {
    folder: tempfile::TempDir,
    plan: Plan,
}

impl Tiny {
    fn with(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, content).unwrap();
        let items = BTreeMap::from([
            (
                "data".into(),
                Item::Folder {
                    mode: 0o755,
                    owner: 999,
                },
            ),
            (
                "etc".into(),
                Item::Folder {
                    mode: 0o755,
                    owner: 0,
                },
            ),
            ("etc/passwd".into(), Item::Text("root:x:0:0::/:\n".into())),
            ("tiny".into(), Item::program(program)),
        ]);
        let plan = Plan {
            items,
            entrypoint: vec!["/tiny".into()],
            command: Vec::new(),
            user: "999:999".into(),
            workdir: Some("/data".into()),
            environment: vec!["PATH=/".into()],
            digests: Vec::new(),
        };
        Self { folder, plan }
    }

    fn write(&self) -> (String, PathBuf) {
        let target = self.folder.path().join("image.tar");
        let digest = write(&target, "example.com/tiny:1", &self.plan).unwrap();
        (digest, target)
    }
}

/// Returns the files of an archive in their order.
fn files(archive: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let mut reader = tar::Archive::new(archive);
    let entries = reader.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let shown = format!(
            "{:o} {} {} {}",
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap()
        );
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, shown, content)
    });
    entries.collect()
}

#[test]
fn the_same_content_is_the_same_archive_wherever_and_whenever() {
    let (one, other) = (Tiny::with("content"), Tiny::with("content"));
    let program = other.folder.path().join("program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
    fs::File::open(&program)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    let ((one_digest, one), (other_digest, other)) = (one.write(), other.write());
    assert_eq!(one_digest, other_digest);
    assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
}

#[test]
fn other_content_is_another_image() {
    assert_ne!(Tiny::with("content").write().0, Tiny::with("another").write().0);
}

#[test]
fn the_layout_is_one_that_containerd_and_docker_read() {
    let tiny = Tiny::with("content");
    let (digest, target) = tiny.write();
    let files = files(&fs::read(target).unwrap());

    // Every blob is what its name says.
    for (path, _, content) in &files {
        if let Some(digest) = path.strip_prefix("blobs/sha256/") {
            assert_eq!(digest, sha256(content), "{path}");
        }
    }
    let of = |path: &str| {
        let file = files
            .iter()
            .find(|(name, ..)| name == path)
            .unwrap_or_else(|| panic!("no {path}"));
        serde_json::from_slice::<serde_json::Value>(&file.2).unwrap()
    };
    let (index, docker) = (of("index.json"), of("manifest.json"));
    assert_eq!(index["manifests"][0]["digest"], digest);
    let manifest = of(&digest.replace("sha256:", "blobs/sha256/"));
    let configuration = of(docker[0]["Config"].as_str().unwrap());
    let layer = docker[0]["Layers"][0].as_str().unwrap();
    assert_eq!(
        manifest["layers"][0]["digest"],
        layer.replace("blobs/sha256/", "sha256:")
    );

    let names: Vec<&str> = files.iter().map(|(path, ..)| path.as_str()).collect();
    insta::assert_snapshot!(names[..3].join("\n"), @"
    oci-layout
    index.json
    manifest.json
    ");
    insta::assert_json_snapshot!(index["manifests"][0]["annotations"], @r#"
    {
      "io.containerd.image.name": "example.com/tiny:1",
      "org.opencontainers.image.ref.name": "1"
    }
    "#);
    insta::assert_json_snapshot!(configuration["config"], @r#"
    {
      "Entrypoint": [
        "/tiny"
      ],
      "Env": [
        "PATH=/"
      ],
      "User": "999:999",
      "WorkingDir": "/data"
    }
    "#);
}

#[test]
fn a_layer_has_no_trace_of_the_machine() {
    let tiny = Tiny::with("content");
    let mut layer = Vec::new();
    layer::write(&tiny.plan.items, &mut layer).unwrap();
    let shown: Vec<String> = files(&layer)
        .into_iter()
        .map(|(path, shown, _)| format!("{path} {shown}"))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    data/ 755 999 999 0
    etc/ 755 0 0 0
    etc/passwd 644 0 0 0
    tiny 755 0 0 0
    ");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let tiny = Tiny::with("content");
    fs::remove_file(tiny.folder.path().join("program")).unwrap();
    let target = tiny.folder.path().join("image.tar");
    let error = write(&target, "example.com/tiny:1", &tiny.plan).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
}

//! An archive: an OCI layout (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>) that is a
//! Docker archive as well.
//!
//! The layer is built twice: once for its digest, which names it in the archive, and once into the archive. Reading
//! programs again costs less than keeping a copy.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

use oci_spec::OciSpecError;
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, ImageConfigurationBuilder, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, PlatformBuilder, RootFsBuilder, Sha256Digest,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType};

use super::Error;
use super::contents::Plan;
use super::layer::{self, Written};
use crate::binaries::cache::hexadecimal;

/// Writes an image and gives the digest of its manifest.
pub(super) fn write(target: &Path, name: &str, plan: &Plan) -> Result<String, Error> {
    let layer = layer::write(&plan.items, io::sink()).map_err(Error::file("read programs for", target))?;
    let image = Image::describe(name, plan, &layer).map_err(|source| Error::Description {
        name: name.to_owned(),
        source,
    })?;
    let written = image.write(plan, target).map_err(Error::file("write", target))?;
    if written != layer {
        return Err(Error::Changed {
            name: name.to_owned(),
        });
    }
    Ok(format!("sha256:{}", sha256(&image.manifest)))
}

/// The parts of an archive, but for the layer itself.
struct Image {
    index: Vec<u8>,
    manifest: Vec<u8>,
    configuration: Vec<u8>,
    docker: Vec<u8>,
    layer: Written,
}

impl Image {
    fn describe(name: &str, plan: &Plan, layer: &Written) -> Result<Self, OciSpecError> {
        let mut config = ConfigBuilder::default()
            .entrypoint(plan.entrypoint.clone())
            .env(plan.environment.clone());
        if !plan.command.is_empty() {
            config = config.cmd(plan.command.clone());
        }
        if !plan.user.is_empty() {
            config = config.user(plan.user.clone());
        }
        if let Some(folder) = &plan.workdir {
            config = config.working_dir(folder.clone());
        }
        let root = RootFsBuilder::default()
            .typ("layers")
            .diff_ids([format!("sha256:{}", layer.sha256)]);
        let configuration = json_of(
            &ImageConfigurationBuilder::default()
                .architecture(architecture())
                .os(Os::Linux)
                .config(config.build()?)
                .rootfs(root.build()?)
                .build()?,
        )?;
        let manifest = json_of(
            &ImageManifestBuilder::default()
                .schema_version(2_u32)
                .media_type(MediaType::ImageManifest)
                .config(descriptor(MediaType::ImageConfig, &written(&configuration))?)
                .layers([descriptor(MediaType::ImageLayer, layer)?])
                .build()?,
        )?;
        let mut entry = descriptor(MediaType::ImageManifest, &written(&manifest))?;
        entry.set_platform(Some(
            PlatformBuilder::default()
                .architecture(architecture())
                .os(Os::Linux)
                .build()?,
        ));
        let tag = name.rsplit(':').next().unwrap_or(name);
        entry.set_annotations(Some(HashMap::from([
            // What containerd names the image by, as the OCI's own annotation is only a tag.
            ("io.containerd.image.name".to_owned(), name.to_owned()),
            ("org.opencontainers.image.ref.name".to_owned(), tag.to_owned()),
        ])));
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests([entry])
            .build()?;
        let docker = json!([{
            "Config": blob(&sha256(&configuration)),
            "RepoTags": [name],
            "Layers": [blob(&layer.sha256)],
        }]);
        Ok(Self {
            index: json_of(&index)?,
            docker: json_of(&docker)?,
            manifest,
            configuration,
            layer: layer.clone(),
        })
    }

    /// Writes the archive and returns the content of its layer.
    fn write(&self, plan: &Plan, target: &Path) -> io::Result<Written> {
        let mut archive = Builder::new(BufWriter::with_capacity(1 << 20, File::create(target)?));
        let mut add = |path: &str, content: &[u8]| {
            let mut header = layer::header(EntryType::Regular, 0o644, content.len() as u64);
            archive.append_data(&mut header, path, content)
        };
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        add("index.json", &self.index)?;
        add("manifest.json", &self.docker)?;
        add(&blob(&sha256(&self.configuration)), &self.configuration)?;
        add(&blob(&sha256(&self.manifest)), &self.manifest)?;

        let mut header = layer::header(EntryType::Regular, 0o644, self.layer.size);
        header.set_path(blob(&self.layer.sha256))?;
        header.set_cksum();
        let file = archive.get_mut();
        file.write_all(header.as_bytes())?;
        let written = layer::write(&plan.items, &mut *file)?;
        // Tar is made of blocks of 512 bytes, and so is a layer.
        archive.into_inner()?.flush()?;
        Ok(written)
    }
}

fn blob(sha256: &str) -> String {
    format!("blobs/sha256/{sha256}")
}

fn written(content: &[u8]) -> Written {
    Written {
        size: content.len() as u64,
        sha256: sha256(content),
    }
}

fn descriptor(kind: MediaType, of: &Written) -> Result<Descriptor, OciSpecError> {
    let digest = Sha256Digest::from_str(&of.sha256)?;
    DescriptorBuilder::default()
        .media_type(kind)
        .size(of.size)
        .digest(digest)
        .build()
}

/// Renders with sorted keys: annotations come in no order of their own.
fn json_of(value: &impl Serialize) -> Result<Vec<u8>, OciSpecError> {
    let mut value = serde_json::to_value(value)?;
    value.sort_all_objects();
    Ok(serde_json::to_vec(&value)?)
}

fn architecture() -> Arch {
    match super::architecture() {
        "arm64" => Arch::ARM64,
        _ => Arch::Amd64,
    }
}

fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

#[cfg(test)]
mod tests;

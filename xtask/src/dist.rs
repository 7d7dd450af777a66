//! `cargo xtask dist`: what an operator installs without Rust.

mod archive;
mod elf;
mod notes;
mod sbom;
mod stage;

use crate::build::{self, BRIDGE};
use crate::debian::{self, is_installed};
use crate::failure::{Failure, failed};
use crate::project::{built, target, text};
use crate::run::{announce, cargo, program, run};
use archive::Archive;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Make only one part.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Package what `cargo xtask build` has built. The bridge then needs the C library of this
    /// machine.
    #[arg(long)]
    built: bool,
    /// The folder for the files. Files of the same names are replaced.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// A part of a release.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The bridge for the processor of this machine, linked statically.
    Bridge,
    /// The components with spin.toml, the schema, manifests, alerts and docs.
    Application,
    /// The software bill of materials (CycloneDX).
    Sbom,
}

/// What the files of a release have in common.
struct Release {
    version: String,
    /// The time of all files, in seconds since 1970: that of the commit.
    time: u64,
    folder: PathBuf,
}

/// Makes the files, and lists their checksums in SHA256SUMS.
pub(crate) fn dist(options: &Options) -> Result<(), Failure> {
    let folder = options.to.clone().unwrap_or_else(|| target().join("dist"));
    std::fs::create_dir_all(&folder).map_err(failed(folder.display().to_string()))?;
    let release = Release { version: version()?, time: time()?, folder };
    let makes = |part| options.only.is_none_or(|only| only == part);
    let mut files = Vec::new();
    if makes(Part::Bridge) {
        let path = if options.built { PathBuf::from(built(BRIDGE)) } else { static_bridge()? };
        files.push(bridge(&release, &path)?);
    }
    if makes(Part::Application) {
        if !options.built {
            build::components()?;
        }
        files.push(application(&release)?);
        files.push(write(&release, "NOTES.md", &notes::from_changelog(&text("CHANGELOG.md")?, &release.version)?)?);
    }
    if makes(Part::Sbom) {
        let bill = sbom::bill(&release.version, release.time)?;
        files.push(write(&release, &format!("connectivity-{}.cdx.json", release.version), &bill)?);
    }
    let sums = sums(&release.folder, &files)?;
    write(&release, "SHA256SUMS", &sums)?;
    announce(&format!("made in {}:", release.folder.display()));
    print!("{sums}");
    Ok(())
}

/// Packages the bridge.
fn bridge(release: &Release, path: &Path) -> Result<String, Failure> {
    let name = format!("connectivity-bridge-{}-{}-linux", release.version, std::env::consts::ARCH);
    let archive = Archive::new(&release.folder, &name)?;
    archive.add(path, "connectivity-bridge")?;
    archive.add_tracked(&["LICENSE"])?;
    archive.close(release.time)
}

/// Packages everything else that belongs to this version.
fn application(release: &Release) -> Result<String, Failure> {
    let archive = Archive::new(&release.folder, &format!("connectivity-{}", release.version))?;
    stage::application(&archive)?;
    archive.close(release.time)
}

/// Builds the bridge so that it runs on every Linux with this processor, and returns its path.
fn static_bridge() -> Result<PathBuf, Failure> {
    let platform = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    build::add_target(&platform)?;
    // Some crates contain C.
    if !is_installed("musl-gcc") && debian::can_install() {
        debian::install(&["musl-tools"])?;
    }
    announce(&format!("building the bridge for {platform}"));
    run(&mut cargo(&["build", "--release", "--locked", "--target", &platform, "--package", BRIDGE]))?;
    let path = target().join(platform).join("release").join(BRIDGE);
    let bytes = std::fs::read(&path).map_err(failed(path.display().to_string()))?;
    if elf::is_static(&bytes) {
        return Ok(path);
    }
    Err(Failure(format!("{} is not linked statically", path.display())))
}

/// Returns the version of the workspace.
fn version() -> Result<String, Failure> {
    let manifest: toml::Table = text("Cargo.toml")?.parse().map_err(failed("Cargo.toml"))?;
    let version = manifest["workspace"]["package"]["version"].as_str();
    version.map(str::to_owned).ok_or_else(|| Failure("Cargo.toml has no version".into()))
}

/// Returns the time of the commit, or the one that `SOURCE_DATE_EPOCH` gives.
fn time() -> Result<u64, Failure> {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let given = given.map_or_else(|| output(&mut program("git", &["log", "-1", "--format=%ct"])), Ok)?;
    given.trim().parse().map_err(failed("the time of the commit"))
}

/// Writes a file of the release and returns its name.
fn write(release: &Release, name: &str, content: &str) -> Result<String, Failure> {
    std::fs::write(release.folder.join(name), content).map_err(failed(name))?;
    Ok(name.to_owned())
}

/// Returns a line with the checksum of each file, as `sha256sum --check` reads them.
fn sums(folder: &Path, files: &[String]) -> Result<String, Failure> {
    output(program("sha256sum", &["--"]).args(files).current_dir(folder))
}

/// Runs a program and returns what it prints.
fn output(command: &mut std::process::Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(failed(name.clone()))?;
    if !output.status.success() {
        return Err(Failure(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    String::from_utf8(output.stdout).map_err(failed(name))
}

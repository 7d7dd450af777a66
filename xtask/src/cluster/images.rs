//! The images, made of the programs of this checkout in place of those that an image registry has.
//!
//! They have the paths and files of Dockerfile and Dockerfile.spin, whose instructions about the
//! user, the environment and the entry point are taken over word for word.

use super::podman::Podman;
use super::prepare::folder;
use crate::build::{BRIDGE, HOST};
use crate::failure::{Failure, failed};
use crate::manifest::Manifest;
use crate::project::{built, root, text};
use crate::run::{announce, program, run};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The user of both images.
const USER: u32 = 65532;

/// The instructions of a Dockerfile that make no layer.
const SETTINGS: [&str; 6] = ["USER", "WORKDIR", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"];

/// Stands in for Spin: gives the arguments that Spin gets to the local host, which runs the
/// application in the image in place of the one in an image registry.
const SPIN: &str = r#"#!/bin/sh
set -u
[ "$1" = up ] || { echo "spin: unknown command $1" >&2; exit 64; }
shift
for argument; do
  shift
  case $argument in localhost/connectivity@sha256:*) argument=/application/spin.toml ;; esac
  set -- "$@" "$argument"
done
exec connectivity-host --state-dir "$HOME/state" "$@"
"#;

/// Builds the images, and writes the file with their digests, as k8s/publish.sh prints them.
pub(super) fn build(podman: &Podman) -> Result<PathBuf, Failure> {
    announce("building the images");
    let bridge = podman.build("connectivity-bridge", &bridge()?)?;
    let spin = podman.build("connectivity-spin", &spin()?)?;
    let mut list = String::new();
    // The application is not an image that podman runs: Spin pulls it. It is part of the other
    // image.
    for (name, digest) in [("connectivity", &spin), ("connectivity-spin", &spin), ("connectivity-bridge", &bridge)] {
        // Writing to a String cannot fail.
        let _ = writeln!(list, "localhost/{name}@{digest}");
    }
    let path = folder().join("images");
    fs::write(&path, list).map_err(failed(path.display().to_string()))?;
    Ok(path)
}

/// Makes the build context of the bridge.
fn bridge() -> Result<PathBuf, Failure> {
    let image = Image::new("connectivity-bridge")?;
    image.program(&built(BRIDGE), "usr/local/bin/connectivity-bridge")?;
    image.write("etc/passwd", &format!("nonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"))?;
    image.finish("Dockerfile", "bridge", "")
}

/// Makes the build context of Spin.
fn spin() -> Result<PathBuf, Failure> {
    let image = Image::new("connectivity-spin")?;
    for tool in ["sh", "sleep"] {
        image.program(&format!("/bin/{tool}"), &format!("bin/{tool}"))?;
    }
    let host = image.program(&built(HOST), "usr/local/bin/connectivity-host")?;
    run(program("setcap", &["cap_net_bind_service=+ep"]).arg(host))?;
    image.script("usr/local/bin/spin", SPIN)?;
    image.script("usr/local/bin/spin-entrypoint", &text("docker/spin-entrypoint.sh")?)?;
    image.write("etc/passwd", &format!("spin:x:{USER}:{USER}::/home/spin:/bin/sh\n"))?;
    image.write("runtime-config.toml", "log_dir = \"\"\n")?;
    image.write("application/spin.toml", &text("spin.toml")?)?;
    for component in Manifest::read()?.components.into_values() {
        image.copy(&root().join(&component.source), &format!("application/{}", component.source.display()))?;
    }
    let home = image.0.join("home");
    fs::create_dir_all(&home).map_err(failed(home.display().to_string()))?;
    image.finish("Dockerfile.spin", "spin", &format!("COPY --chown={USER}:{USER} home /home/spin"))
}

/// The files of an image, in a folder that becomes a build context.
struct Image(PathBuf);

impl Image {
    fn new(name: &str) -> Result<Self, Failure> {
        let folder = folder().join("contexts").join(name);
        fs::create_dir_all(folder.join("root")).map_err(failed(folder.display().to_string()))?;
        let image = Self(folder);
        image.copy(Path::new("/etc/ssl/certs/ca-certificates.crt"), "etc/ssl/certs/ca-certificates.crt")?;
        Ok(image)
    }

    /// Returns the path of a file of the image, after making its folder.
    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join("root").join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed(path.display().to_string()))?;
        Ok(path)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name)?;
        fs::write(&path, text).map_err(failed(path.display().to_string()))?;
        Ok(path)
    }

    fn script(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.write(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed(path.display().to_string()))
    }

    fn copy(&self, from: &Path, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name)?;
        fs::copy(from, &path).map_err(failed(from.display().to_string()))?;
        Ok(path)
    }

    /// Copies a program and the shared libraries that it loads.
    fn program(&self, from: &str, name: &str) -> Result<PathBuf, Failure> {
        let output = program("ldd", &[from]).output().map_err(failed("ldd"))?;
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            self.copy(Path::new(library), library.trim_start_matches('/'))?;
        }
        self.copy(Path::new(from), name)
    }

    /// Writes the Containerfile with a further layer and the settings of a stage, and returns the
    /// build context.
    fn finish(self, dockerfile: &str, stage: &str, layer: &str) -> Result<PathBuf, Failure> {
        let settings = settings(&text(dockerfile)?, stage);
        let path = self.0.join("Containerfile");
        let containerfile = format!("FROM scratch\nCOPY root /\n{layer}\n{settings}\n");
        fs::write(&path, containerfile).map_err(failed(path.display().to_string()))?;
        Ok(self.0)
    }
}

/// Returns the paths of libraries in the output of ldd, such as `libc.so.6 => /lib/libc.so.6
/// (0x…)`.
fn libraries(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).collect()
}

/// Returns the instructions of a stage of a Dockerfile that make no layer.
fn settings(dockerfile: &str, stage: &str) -> String {
    let end = format!(" AS {stage}");
    let lines = dockerfile.lines().skip_while(|line| !(line.starts_with("FROM ") && line.ends_with(&end))).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("FROM "));
    let settings = lines.filter(|line| SETTINGS.iter().any(|name| line.split(' ').next() == Some(name)));
    settings.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_the_output_of_ldd() {
        let output = "\tlinux-vdso.so.1 (0x00)\n\tlibc.so.6 => /lib/libc.so.6 (0x00)\n\t/lib64/ld-linux.so.2 (0x00)\n";
        assert_eq!(libraries(output), ["/lib/libc.so.6", "/lib64/ld-linux.so.2"]);
        assert!(libraries("\tstatically linked\n").is_empty());
    }

    #[test]
    fn settings_are_those_of_the_stage() {
        let dockerfile =
            "FROM a AS x\nUSER 1\nFROM b AS y\nRUN c \\\n    && d\nUSER 2\nENTRYPOINT [\"e\"]\nFROM y AS z\nUSER 3\n";
        assert_eq!(settings(dockerfile, "y"), "USER 2\nENTRYPOINT [\"e\"]");
    }

    #[test]
    fn stages_of_our_images_have_a_user_and_an_entry_point() {
        for (dockerfile, stage) in [("Dockerfile", "bridge"), ("Dockerfile.spin", "spin")] {
            let settings = settings(&text(dockerfile).expect(dockerfile), stage);
            assert!(settings.contains(&format!("USER {USER}:{USER}\n")), "{dockerfile}: {settings}");
            assert!(settings.contains("ENTRYPOINT [\"/usr/local/bin/"), "{dockerfile}: {settings}");
        }
    }
}

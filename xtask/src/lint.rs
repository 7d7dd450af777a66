//! `cargo xtask lint`: formatting, clippy, dependencies, words and file lengths.

mod length;
mod words;

use crate::build::{TARGET, add_target, native, wasm_clippy};
use crate::debian::is_installed;
use crate::failure::{Failure, failed};
use crate::project::root;
use crate::run::{announce, cargo, program, run, say};
use crate::{api, deploy};
use clap::Subcommand;

/// A part that can be checked alone.
#[derive(Subcommand)]
pub(crate) enum Part {
    /// Validates the OpenAPI document, and compares the running application with it.
    ///
    /// Generated requests must cause no server error, and no response that the document does not
    /// describe. The tools are installed into target/. Checks whose tool is missing are reported
    /// as SKIPPED.
    Api,
    /// Checks manifests, workflows, images, compose files, scripts and alerts.
    ///
    /// Every environment of k8s/ is rendered, and checked against schemas and against the table of
    /// environments. The tools are installed into target/, and promtool by Debian's package
    /// manager. A check whose tool is missing is reported as SKIPPED.
    Deploy(deploy::Options),
    /// Checks that no word of the former vocabulary is used, and that no file is too long.
    Words,
}

/// Checks one part.
pub(crate) fn part(part: &Part) -> Result<(), Failure> {
    match part {
        Part::Api => api::lint(),
        Part::Deploy(options) => deploy::lint(options),
        Part::Words => text(),
    }
}

/// Checks everything that needs no running application. Warnings are errors.
pub(crate) fn lint() -> Result<(), Failure> {
    text()?;
    announce("formatting");
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    add_target(TARGET)?;
    announce("clippy");
    let deny = ["--", "-D", "warnings"];
    run(native("clippy", &["--all-targets"]).args(deny))?;
    run(cargo(&["clippy", "--release", "-p", "xtask", "--all-targets"]).args(deny))?;
    run(wasm_clippy()?.args(deny))?;
    for (tool, arguments) in [("cargo-deny", &["deny", "check"][..]), ("cargo-machete", &["machete"][..])] {
        if is_installed(tool) {
            announce(tool);
            run(&mut cargo(arguments))?;
        } else {
            announce(&format!("SKIPPED: {tool} is not installed (cargo install {tool})"));
        }
    }
    Ok(())
}

/// Checks the words and the lengths of all files.
fn text() -> Result<(), Failure> {
    announce("words and file lengths");
    let mut problems = Vec::new();
    for path in files()? {
        // A binary file.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        problems.extend(words::check(&path, &text));
        problems.extend(length::check(&path, &text));
    }
    for problem in &problems {
        say!("{problem}");
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("{} problems with words or file lengths (see above)", problems.len())))
}

/// Returns the paths of the files that git tracks, from the root of the checkout.
fn files() -> Result<Vec<String>, Failure> {
    let output = program("git", &["ls-files", "-z"]).output().map_err(failed("git ls-files"))?;
    if !output.status.success() {
        return Err(Failure(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_file_has_a_former_word_or_is_too_long() {
        super::text().expect("no problems");
    }
}

//! Running other programs.

use crate::failure::{Failure, failed};
use crate::project::{root, target};
use std::fmt::Arguments;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian keeps servers. PATH has these folders for root only.
const SERVERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Prints a line, like `println!`, which panics if standard output cannot be written. What a command
/// does goes on then.
macro_rules! say {
    ($($argument:tt)*) => { $crate::run::say_line(format_args!($($argument)*)) };
}

pub(crate) use say;

/// See the macro [`say`].
pub(crate) fn say_line(text: Arguments<'_>) {
    if let Err(Failure(message)) = print(text) {
        let _ = writeln!(std::io::stderr(), "xtask: {message}");
    }
}

/// Prints the result of a command to standard output.
pub(crate) fn print(text: Arguments<'_>) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(failed("cannot write to standard output"))
}

/// Returns a command that runs a program at the root of the checkout.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new(located(name, std::env::split_paths(&path), Path::is_file));
    command.current_dir(root()).args(arguments);
    command
}

/// Returns the path of a server that is in none of the folders of PATH, or the name of a program.
fn located(name: &str, mut folders: impl Iterator<Item = PathBuf>, exists: impl Fn(&Path) -> bool) -> PathBuf {
    let is_on_path = name.contains('/') || folders.any(|folder| exists(&folder.join(name)));
    let mut servers = SERVERS.iter().map(|folder| Path::new(folder).join(name));
    servers.find(|path| !is_on_path && exists(path)).unwrap_or_else(|| PathBuf::from(name))
}

/// Returns a command that runs cargo, the same one that runs this program.
///
/// The variables that cargo set about this package are removed: some build scripts depend on them,
/// and everything above those would be rebuilt when cargo is called by hand and by this program in
/// turn.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments);
    command.env("CARGO_TARGET_DIR", target());
    for (name, _) in std::env::vars_os() {
        let about_us =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_us {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end and shows its output.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(failed(shown.clone()))?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_string_lossy).collect();
    Err(Failure(format!("{shown} {} ended with {status}", arguments.join(" "))))
}

/// Prints what is done next.
pub(crate) fn announce(what: &str) {
    say!("==> {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_found_beside_path() {
        let locate = |name: &str, existing: &str| {
            let folders = ["/usr/bin", "/home/me/my tools"].map(PathBuf::from).into_iter();
            located(name, folders, |path| path == Path::new(existing)).display().to_string()
        };
        assert_eq!(locate("mariadbd", "/usr/sbin/mariadbd"), "/usr/sbin/mariadbd");
        assert_eq!(locate("mariadbd", "/usr/bin/mariadbd"), "mariadbd");
        assert_eq!(locate("mariadbd", "/home/me/my tools/mariadbd"), "mariadbd");
        assert_eq!(locate("mariadbd", ""), "mariadbd");
        assert_eq!(locate("./mariadbd", "/usr/sbin/./mariadbd"), "./mariadbd");
    }
}

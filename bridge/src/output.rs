//! The output of commands. `println!` panics if standard output cannot be written.

use std::fmt::Arguments;
use std::io::Write;

/// The exit code if standard output cannot be written (sysexits.h: `EX_IOERR`).
const OUTPUT_FAILED: i32 = 74;

/// Prints a line to standard output, like `println!`. Ends the program with an error message if that
/// is not possible: what a command prints is its result.
macro_rules! print_line {
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}

pub(crate) use print_line;

/// See [`print_line`].
pub(crate) fn line(text: Arguments<'_>) {
    if let Err(cause) = writeln!(std::io::stdout(), "{text}") {
        error(&format!("cannot write to standard output: {cause}"));
        std::process::exit(OUTPUT_FAILED);
    }
}

/// Prints an error message to standard error. There is no place for another one if that fails.
pub(crate) fn error(message: &str) {
    note(&format!("connectivity-bridge: {message}"));
}

/// Prints a line to standard error, if that is possible.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

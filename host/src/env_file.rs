//! The file `.env` with values of variables.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Why the file cannot be read. The messages repeat nothing of it, because it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    #[error(
        ".env: line {0} cannot be read: it must look like NAME=value, with quotation marks at both ends of a value that \
         has blanks, quotation marks or #"
    )]
    Line(usize),
    #[error(".env cannot be read: {0}")]
    File(#[from] io::Error),
}

/// Returns the values in a file. There are none if it does not exist.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, EnvFileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, EnvFileError> {
    let problem = |error| match error {
        // The line, or the lines from one with a quotation mark that is not closed.
        dotenvy::Error::LineParse(wrong, _) => {
            let before = text.find(wrong.trim_end()).map_or("", |start| &text[..start]);
            EnvFileError::Line(before.matches('\n').count() + 1)
        }
        dotenvy::Error::Io(error) => error.into(),
        error => io::Error::other(error).into(),
    };
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let values = parse("# a comment\n\nA=1\nexport B='x # y'\r\nC=\n").expect("values");
        assert_eq!([&values["A"], &values["B"], &values["C"]], ["1", "x # y", ""]);
    }

    #[test]
    fn problem_names_the_line_and_repeats_nothing() {
        for (text, expected) in [
            ("A=1\nhunter2\n", "line 2 "),
            ("A=1\n\nB=hunter 2\n", "line 3 "),
            ("A=1\n# x\nB='hunter2", "line 3 "),
            ("A=1\nB=hunter\"2\n\nC=1\n", "line 2 "),
            ("B-C=hunter2", "line 1 "),
        ] {
            let problem = parse(text).expect_err(text).to_string();
            assert!(problem.starts_with(&format!(".env: {expected}")), "{text:?}: {problem}");
            assert!(!problem.contains("hunter"), "{problem}");
        }
    }

    #[test]
    fn file_that_is_no_text_is_no_missing_file() {
        assert!(read(Path::new("/no/such/file")).expect("nothing").is_empty());
        assert!(read(Path::new("/")).is_err());
    }
}

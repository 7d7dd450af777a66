//! The results file.
//!
//! A row is one line, and each batch of rows is one write that is synchronised with the disk. A
//! process that is killed leaves whole lines and at most a part of one, which the next run removes.

use super::row::{Format, Read, Row};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why the results cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResultsError {
    #[error("cannot write {0}: {1}")]
    Io(String, io::Error),
    #[error("another process writes {0}: wait for its end, or choose another file with --output")]
    Locked(String),
    #[error("line {1} of {0} is not a row of this format: choose another file with --output, or the file's --format")]
    Foreign(String, u64),
}

/// The results file, open for further rows.
pub(super) struct Results {
    file: File,
    path: PathBuf,
    format: Format,
    /// The citizens with a verdict in the file when it was opened.
    citizens: HashSet<u64>,
}

/// Returns the path of the results of a file: beside it, with `.results` and the format.
pub(super) fn default_path(input: &Path, format: Format) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(format!(".results.{}", format.extension()));
    name.into()
}

impl Results {
    /// Opens a results file, or creates it. Rows without a verdict are removed from it, because these
    /// ids are asked about again.
    pub(super) fn open(path: &Path, format: Format) -> Result<Self, ResultsError> {
        let failed = |error| ResultsError::Io(path.display().to_string(), error);
        let held = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        lock(&held, path)?;
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let file = File::create(&new).map_err(failed)?;
        lock(&file, path)?;
        // The rename is atomic: there is always a file with all verdicts.
        let kept = keep(&held, &file, path, format).and_then(|citizens| {
            std::fs::rename(&new, path).map_err(failed)?;
            Ok(citizens)
        });
        let citizens = kept.inspect_err(|_| {
            // What is left of it does no harm.
            let _ = std::fs::remove_file(&new);
        })?;
        Ok(Self { file, path: path.to_owned(), format, citizens })
    }

    /// Returns the citizens with a verdict in the file when it was opened.
    pub(super) fn citizens(&mut self) -> HashSet<u64> {
        std::mem::take(&mut self.citizens)
    }

    /// Appends rows.
    pub(super) fn append(&mut self, rows: &[Row]) -> Result<(), ResultsError> {
        if rows.is_empty() {
            return Ok(());
        }
        let text: String = rows.iter().map(|row| self.format.line(row) + "\n").collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| ResultsError::Io(self.path.display().to_string(), error))
    }
}

fn lock(file: &File, path: &Path) -> Result<(), ResultsError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ResultsError::Locked(path.display().to_string()),
        TryLockError::Error(error) => ResultsError::Io(path.display().to_string(), error),
    })
}

/// Copies the header and the rows with a verdict. Returns whose they are.
fn keep(held: &File, kept: &File, path: &Path, format: Format) -> Result<HashSet<u64>, ResultsError> {
    let failed = |error| ResultsError::Io(path.display().to_string(), error);
    let (mut reader, mut writer) = (BufReader::new(held), BufWriter::new(kept));
    let mut citizens = HashSet::new();
    if let Some(header) = format.header() {
        writeln!(writer, "{header}").map_err(failed)?;
    }
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        reader.read_until(b'\n', &mut text).map_err(failed)?;
        // A last line without its end was not written completely.
        let Some(line) = text.strip_suffix(b"\n") else { break };
        let line = String::from_utf8_lossy(line);
        if number == 1 && format.header().is_some_and(|header| header == line) {
            continue;
        }
        match format.read(&line) {
            Read::Verdict(citizen) => {
                citizens.insert(citizen);
                writeln!(writer, "{line}").map_err(failed)?;
            }
            Read::WithoutVerdict => {}
            Read::Foreign => return Err(ResultsError::Foreign(path.display().to_string(), number)),
        }
    }
    writer.flush().map_err(failed)?;
    drop(writer);
    kept.sync_all().map_err(failed)?;
    Ok(citizens)
}

#[cfg(test)]
mod tests {
    use super::super::row::Outcome;
    use super::*;
    use serde_json::Value;

    /// A file that is removed in the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("connectivity-results-{}", uuid::Uuid::new_v4())))
        }

        fn text(&self) -> String {
            std::fs::read_to_string(&self.0).expect("a file")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What is left is in the system's temporary folder.
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn verdict(citizen: &str) -> Row {
        let outcome = Outcome::Verdict { is_eligible: true, status: Some(204), data: Value::Null };
        Row { line: 1, citizen: citizen.to_owned(), outcome }
    }

    fn error(citizen: &str) -> Row {
        let outcome = Outcome::Error { kind: "registry-unavailable".into(), detail: "try again".into() };
        Row { line: 2, citizen: citizen.to_owned(), outcome }
    }

    #[test]
    fn verdicts_are_kept_and_other_rows_are_written_anew() {
        for format in [Format::Csv, Format::Jsonl] {
            let scratch = Scratch::new();
            let mut results = Results::open(&scratch.0, format).expect("a new file");
            assert!(results.citizens().is_empty());
            results.append(&[verdict("1128456232"), error("1128456233")]).expect("written");
            drop(results);
            let mut again = Results::open(&scratch.0, format).expect("the file");
            assert_eq!(again.citizens(), HashSet::from([1_128_456_232]));
            again.append(&[verdict("1128456233")]).expect("written");
            let rows = [verdict("1128456232"), verdict("1128456233")].map(|row| format.line(&row));
            let expected: Vec<_> = format.header().into_iter().chain(rows).collect();
            assert_eq!(scratch.text().lines().collect::<Vec<_>>(), expected);
        }
    }

    /// Wherever the process is killed, the next run keeps the whole rows.
    #[test]
    fn file_that_ends_anywhere_can_be_resumed() {
        for format in [Format::Csv, Format::Jsonl] {
            let scratch = Scratch::new();
            let mut results = Results::open(&scratch.0, format).expect("a new file");
            results.append(&[verdict("1128456232"), verdict("1128456233")]).expect("written");
            drop(results);
            let whole = scratch.text();
            for end in 0..=whole.len() {
                std::fs::write(&scratch.0, &whole[..end]).expect("written");
                let mut results = Results::open(&scratch.0, format).expect("the file");
                let lines = whole[..end].matches('\n').count();
                let rows = lines.saturating_sub(format.header().iter().count());
                assert_eq!(results.citizens().len(), rows, "{end}");
                results.append(&[verdict("1128456234")]).expect("written");
                drop(results);
                assert_eq!(Results::open(&scratch.0, format).expect("the file").citizens().len(), rows + 1, "{end}");
            }
        }
    }

    #[test]
    fn other_files_and_files_in_use_are_left_alone() {
        let scratch = Scratch::new();
        std::fs::write(&scratch.0, "1128456232\n1128456233\n").expect("written");
        for format in [Format::Csv, Format::Jsonl] {
            assert!(matches!(Results::open(&scratch.0, format), Err(ResultsError::Foreign(_, 1))));
        }
        assert_eq!(scratch.text(), "1128456232\n1128456233\n");
        let used = Scratch::new();
        let first = Results::open(&used.0, Format::Csv).expect("a new file");
        assert!(matches!(Results::open(&used.0, Format::Csv), Err(ResultsError::Locked(_))));
        drop(first);
        assert!(Results::open(&used.0, Format::Csv).is_ok());
    }

    #[test]
    fn results_are_beside_the_file() {
        assert_eq!(default_path(Path::new("a/ids.txt"), Format::Jsonl), Path::new("a/ids.txt.results.jsonl"));
    }
}

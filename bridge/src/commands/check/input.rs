//! The citizens in a file: one id a line, or a column of a CSV file.

use super::csv::{CsvError, Record, Records};
use connectivity_domain::citizen::{CitizenId, CitizenIdError};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Names of columns with ids, in lower case and with letters and digits only.
const NAMES: [&str; 12] = [
    "citizenid",
    "idcitizen",
    "id",
    "citizen",
    "ciudadano",
    "idciudadano",
    "cedula",
    "cédula",
    "documento",
    "numerodocumento",
    "identificacion",
    "identificación",
];

/// Why a file of citizens cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {0}: {1}")]
    Open(String, io::Error),
    #[error("cannot read the file: {0}")]
    Read(io::Error),
    #[error("line {0}: a quotation mark is not closed within 1 MiB")]
    Unclosed(u64),
    #[error("no column is called {0:?}: the first line has the columns {1}")]
    NoColumn(String, String),
    #[error("which column has the ids? Name it with --column, or give its number: {0}")]
    AnyColumn(String),
}

impl From<CsvError> for InputError {
    fn from(error: CsvError) -> Self {
        match error {
            CsvError::Io(error) => Self::Read(error),
            CsvError::Unclosed(line) => Self::Unclosed(line),
        }
    }
}

/// One line with an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    /// The id, or the text that was found and why it is not an id.
    pub(super) id: Result<CitizenId, (String, CitizenIdError)>,
}

/// The file.
pub(super) struct Input<R> {
    records: Records<R>,
    column: usize,
    /// The first record, unless it was the header.
    first: Option<Record>,
    is_finished: bool,
}

impl Input<BufReader<File>> {
    /// Opens a file. Returns it with its size in bytes.
    pub(super) fn open(path: &Path, column: Option<&str>) -> Result<(Self, u64), InputError> {
        let failed = |error| InputError::Open(path.display().to_string(), error);
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        Ok((Self::new(BufReader::new(file), column)?, size))
    }
}

impl<R: BufRead> Input<R> {
    fn new(reader: R, column: Option<&str>) -> Result<Self, InputError> {
        let mut records = Records::new(reader);
        let first = records.next()?;
        let (column, is_header) = match &first {
            Some(record) => select(&record.fields, column)?,
            None => (0, false),
        };
        Ok(Self { records, column, is_finished: first.is_none(), first: first.filter(|_| !is_header) })
    }

    /// Returns the next line with an id.
    pub(super) fn next(&mut self) -> Result<Option<Line>, InputError> {
        let record = match self.first.take() {
            Some(first) => Some(first),
            None => self.records.next()?,
        };
        self.is_finished = record.is_none();
        Ok(record.map(|Record { line, fields }| {
            let text = fields.get(self.column).map_or("", String::as_str);
            Line { number: line, id: parse(text).map_err(|error| (text.to_owned(), error)) }
        }))
    }

    /// Returns whether the end of the file was reached.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Returns how many bytes have been read.
    pub(super) fn bytes(&self) -> u64 {
        self.records.bytes()
    }
}

/// Parses an id. Spreadsheets write it as `1128456232.0` too.
fn parse(text: &str) -> Result<CitizenId, CitizenIdError> {
    CitizenId::parse(text).or_else(|error| match serde_json::from_str(text.trim()) {
        Ok(number @ Value::Number(_)) if error == CitizenIdError::NotDigits => CitizenId::from_json(&number),
        _ => Err(error),
    })
}

/// Returns the column with the ids, and whether the first record is a header.
fn select(first: &[String], column: Option<&str>) -> Result<(usize, bool), InputError> {
    let all = || first.join(", ");
    let has_digit = |text: &String| text.contains(|letter: char| letter.is_ascii_digit());
    let is_header = |column: usize| !first.get(column).is_some_and(has_digit);
    if let Some(wanted) = column {
        if let Some(number) = wanted.parse().ok().filter(|number| (1..=first.len()).contains(number)) {
            return Ok((number - 1, is_header(number - 1)));
        }
        let found = first.iter().position(|name| simple(name) == simple(wanted));
        return found.map(|column| (column, true)).ok_or_else(|| InputError::NoColumn(wanted.to_owned(), all()));
    }
    if first.len() == 1 {
        return Ok((0, is_header(0)));
    }
    let named = || (0..first.len()).filter(|column| NAMES.contains(&simple(&first[*column]).as_str()));
    let with_id = || (0..first.len()).filter(|column| parse(&first[*column]).is_ok());
    match (with_id().count(), with_id().next(), named().next()) {
        (1, Some(column), _) => Ok((column, false)),
        (0, _, Some(column)) => Ok((column, true)),
        _ => Err(InputError::AnyColumn(
            (1..).zip(first).map(|(number, it)| format!("{number} {it}")).collect::<Vec<_>>().join(", "),
        )),
    }
}

fn simple(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the ids that are found, each with its line. Invalid ones begin with `!`.
    fn check(text: &str, column: Option<&str>, expected: &[(u64, &str)]) {
        let mut input = Input::new(text.as_bytes(), column).expect("a file");
        let mut found = Vec::new();
        while let Some(Line { number, id }) = input.next().expect("a line") {
            found.push((number, id.map_or_else(|(text, _)| format!("!{text}"), |id| id.as_str().to_owned())));
        }
        let expected: Vec<_> = expected.iter().map(|(line, id)| (*line, (*id).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
        assert!(input.is_finished());
    }

    fn refused(text: &str, column: Option<&str>) -> String {
        Input::new(text.as_bytes(), column).err().expect("an error").to_string()
    }

    #[test]
    fn one_id_a_line_with_or_without_a_header() {
        check("1128456232\n001128456233 \n\n12345\n", None, &[(1, "1128456232"), (2, "1128456233"), (4, "!12345")]);
        check("Cédula\r\n1128456232\r\n", None, &[(2, "1128456232")]);
        check("12x\n1128456232.0\n1.128456232E9", None, &[(1, "!12x"), (2, "1128456232"), (3, "1128456232")]);
        check("", None, &[]);
    }

    #[test]
    fn column_with_ids_is_found_or_named() {
        check("name;Id Citizen\nAna;1128456232\nLuz\n", None, &[(2, "1128456232"), (3, "!")]);
        check("Ana,1128456232\nLuz,1128456233\n", None, &[(1, "1128456232"), (2, "1128456233")]);
        check("a,b\nx,1128456232\n", Some("B"), &[(2, "1128456232")]);
        check("a,b\nx,1128456232\n", Some("2"), &[(2, "1128456232")]);
        check("300123456,1128456232\n", Some("2"), &[(1, "1128456232")]);
    }

    #[test]
    fn column_that_is_not_clear_is_asked_for() {
        assert!(refused("a,b\n1,1128456232\n", None).ends_with("give its number: 1 a, 2 b"));
        assert!(refused("300123456,1128456232\n", None).contains("--column"));
        assert_eq!(refused("a,b\n", Some("c")), "no column is called \"c\": the first line has the columns a, b");
        assert!(refused("a,b\n", Some("3")).contains("no column"));
    }
}

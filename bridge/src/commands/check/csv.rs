//! Reads and writes the records of CSV files (RFC 4180).

use std::io::{self, BufRead};

/// The longest record, in bytes. A quote that is never closed would otherwise read a whole file.
const MAX_RECORD: usize = 1024 * 1024;

/// A record, and the number of its first line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) fields: Vec<String>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CsvError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("line {0}: a quotation mark is not closed within 1 MiB")]
    Unclosed(u64),
}

/// The records of a file, one after the other. Bytes that are not UTF-8 are replaced: they matter in
/// other columns only.
pub(super) struct Records<R> {
    reader: R,
    lines: u64,
    /// The bytes that were read.
    read: u64,
    delimiter: Option<char>,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, lines: 0, read: 0, delimiter: None }
    }

    /// Returns how many bytes have been read.
    pub(super) fn bytes(&self) -> u64 {
        self.read
    }

    /// Returns the next record that is not empty. The first one decides about the delimiter: a
    /// comma, a semicolon or a tab.
    pub(super) fn next(&mut self) -> Result<Option<Record>, CsvError> {
        loop {
            let line = self.lines + 1;
            let Some(text) = self.text(line)? else { return Ok(None) };
            if text.trim().is_empty() {
                continue;
            }
            let delimiter = *self.delimiter.get_or_insert_with(|| delimiter(&text));
            return Ok(Some(Record { line, fields: fields(&text, delimiter) }));
        }
    }

    /// Returns the text of the next record, which goes on after a line break between quotation marks.
    fn text(&mut self, line: u64) -> Result<Option<String>, CsvError> {
        let (mut bytes, mut is_open) = (Vec::new(), false);
        loop {
            let before = bytes.len();
            let read = self.reader.read_until(b'\n', &mut bytes)?;
            self.read += read as u64;
            self.lines += u64::from(read > 0);
            is_open = bytes[before..].iter().fold(is_open, |is_open, byte| is_open ^ (*byte == b'"'));
            if read == 0 && bytes.is_empty() {
                return Ok(None);
            }
            if read == 0 || !is_open {
                let text = String::from_utf8_lossy(&bytes);
                let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { &text };
                return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
            }
            if bytes.len() > MAX_RECORD {
                return Err(CsvError::Unclosed(line));
            }
        }
    }
}

fn delimiter(text: &str) -> char {
    let count = |delimiter: char| text.matches(delimiter).count();
    [',', ';', '\t'].into_iter().max_by_key(|delimiter| (count(*delimiter), *delimiter == ',')).unwrap_or(',')
}

/// Returns the fields of a record.
pub(super) fn fields(text: &str, delimiter: char) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            letter if letter == delimiter && !is_quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

/// Returns a record in one line, if no field contains a line break.
pub(super) fn line(fields: &[&str]) -> String {
    let quoted = |field: &&str| {
        let is_quoted = field.contains([',', '"', ';', '\t']);
        if is_quoted { format!("\"{}\"", field.replace('"', "\"\"")) } else { (*field).to_owned() }
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(text);
        let next = || records.next().expect("a record").map(|record| (record.line, record.fields));
        std::iter::from_fn(next).collect()
    }

    fn check(text: &[u8], expected: &[(u64, &[&str])]) {
        let expected: Vec<_> =
            expected.iter().map(|(line, fields)| (*line, fields.iter().map(|it| (*it).to_owned()).collect())).collect();
        assert_eq!(read(text), expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn records_are_read_with_their_line() {
        check(b"1\n2", &[(1, &["1"]), (2, &["2"])]);
        check(b"\xEF\xBB\xBFid;name\r\n\r\n1;\"a;b\"\r\n", &[(1, &["id", "name"]), (3, &["1", "a;b"])]);
        check(b"a,b\n\"x \"\"y\"\"\nz\",1\n,2\n", &[(1, &["a", "b"]), (2, &["x \"y\"\nz", "1"]), (4, &["", "2"])]);
        check(b"1\t2\n3\t4,5\n", &[(1, &["1", "2"]), (2, &["3", "4,5"])]);
        check(b"1,Mu\xF1oz\n", &[(1, &["1", "Mu\u{fffd}oz"])]);
        check(b"", &[]);
    }

    #[test]
    fn quotation_mark_that_is_not_closed_is_reported_with_its_line() {
        let mut records = Records::new(io::Cursor::new(format!("1\n\"2\n{}", "3\n".repeat(MAX_RECORD))));
        assert_eq!(records.next().expect("a record").map(|record| record.line), Some(1));
        assert!(matches!(records.next(), Err(CsvError::Unclosed(2))));
    }

    #[test]
    fn line_is_read_back() {
        let record = ["1", "a \"b\", c", "", "d;e"];
        assert_eq!(line(&record), "1,\"a \"\"b\"\", c\",,\"d;e\"");
        assert_eq!(fields(&line(&record), ','), record);
    }
}

//! One row of the results.

use super::csv;
use crate::text::printable;
use clap::ValueEnum;
use serde_json::{Value, json};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// The header of results in CSV.
const HEADER: [&str; 7] =
    ["line", "citizen_id", "is_eligible", "external_api_status_code", "citizen_data", "error", "detail"];

/// The result for one id.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The line of the id in the file.
    pub(super) line: u64,
    pub(super) citizen: String,
    pub(super) outcome: Outcome,
}

/// What a line of a results file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The verdict about the citizen with this number.
    Verdict(u64),
    /// A row without a verdict.
    WithoutVerdict,
    /// Not a row of this format.
    Foreign,
}

/// What is known about a citizen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Verdict {
        is_eligible: bool,
        status: Option<u16>,
        /// What the registry said.
        data: Value,
    },
    /// There is no verdict.
    Error {
        /// The kind of problem, such as `registry-unavailable`.
        kind: String,
        detail: String,
    },
}

impl Format {
    /// Returns the extension of files.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// Returns the first line of a file; `None` if the first line is a row.
    pub(super) fn header(self) -> Option<String> {
        match self {
            Self::Csv => Some(csv::line(&HEADER)),
            Self::Jsonl => None,
        }
    }

    /// Returns a row as one line, without its end.
    pub(super) fn line(self, row: &Row) -> String {
        let (line, citizen) = (row.line, row.citizen.as_str());
        match (self, &row.outcome) {
            (Self::Csv, Outcome::Verdict { is_eligible, status, data }) => {
                let status = status.map_or_else(String::new, |status| status.to_string());
                // JSON text has no line breaks.
                let data = if data.is_null() { String::new() } else { data.to_string() };
                csv::line(&[&line.to_string(), citizen, &is_eligible.to_string(), &status, &data, "", ""])
            }
            (Self::Csv, Outcome::Error { kind, detail }) => {
                csv::line(&[&line.to_string(), &inert(citizen), "", "", "", kind, &printable(detail)])
            }
            (Self::Jsonl, Outcome::Verdict { is_eligible, status, data }) => {
                let row = json!({"line": line, "citizen_id": citizen, "is_eligible": is_eligible,
                                 "external_api_status_code": status, "citizen_data": data});
                row.to_string()
            }
            (Self::Jsonl, Outcome::Error { kind, detail }) => {
                json!({"line": line, "citizen_id": citizen, "error": kind, "detail": detail}).to_string()
            }
        }
    }

    /// Returns what a line of a results file is.
    pub(super) fn read(self, line: &str) -> Read {
        let (citizen, has_verdict) = match self {
            Self::Csv => {
                let mut fields = csv::fields(line, ',');
                if fields.len() != HEADER.len() {
                    return Read::Foreign;
                }
                (fields.swap_remove(1), !fields[2].is_empty())
            }
            Self::Jsonl => {
                let row: Value = serde_json::from_str(line).unwrap_or_default();
                let Some(citizen) = row["citizen_id"].as_str() else { return Read::Foreign };
                (citizen.to_owned(), row["is_eligible"].is_boolean())
            }
        };
        match citizen.parse() {
            _ if !has_verdict => Read::WithoutVerdict,
            Ok(citizen) => Read::Verdict(citizen),
            Err(_) => Read::Foreign,
        }
    }
}

/// Returns a text that a spreadsheet does not take for a formula.
fn inert(text: &str) -> String {
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    format!("{}{}", if is_formula { "'" } else { "" }, printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: &Outcome) -> Row {
        Row { line: 7, citizen: "1128456232".into(), outcome: outcome.clone() }
    }

    #[test]
    fn rows_are_lines_that_are_read_back() {
        let data = json!("El ciudadano, \"x\"\nse encuentra");
        let verdict = Outcome::Verdict { is_eligible: false, status: Some(200), data };
        let error = Outcome::Error { kind: "registry-refused".into(), detail: "refused,\ntry again".into() };
        for (outcome, read, csv, json) in [
            (
                verdict,
                Read::Verdict(1_128_456_232),
                r#"7,1128456232,false,200,"""El ciudadano, \""x\""\nse encuentra""",,"#,
                json!({"line": 7, "citizen_id": "1128456232", "is_eligible": false, "external_api_status_code": 200,
                       "citizen_data": "El ciudadano, \"x\"\nse encuentra"}),
            ),
            (
                error,
                Read::WithoutVerdict,
                r#"7,1128456232,,,,registry-refused,"refused,\ntry again""#,
                json!({"line": 7, "citizen_id": "1128456232", "error": "registry-refused",
                       "detail": "refused,\ntry again"}),
            ),
        ] {
            let row = row(&outcome);
            assert_eq!(Format::Csv.line(&row), csv);
            let line = Format::Jsonl.line(&row);
            assert_eq!((serde_json::from_str::<Value>(&line).expect("JSON"), line.contains('\n')), (json, false));
            assert_eq!((Format::Csv.read(csv), Format::Jsonl.read(&line)), (read, read));
        }
    }

    #[test]
    fn other_lines_are_recognised() {
        for line in ["", "7", "id,name", "7,x,true,200,,,", "7,1128456232,true", "{\"a\":1}", "[]"] {
            assert_eq!((Format::Csv.read(line), Format::Jsonl.read(line)), (Read::Foreign, Read::Foreign), "{line}");
        }
    }

    #[test]
    fn invalid_ids_are_no_formulas() {
        let error = Outcome::Error { kind: "invalid-citizen-id".into(), detail: String::new() };
        let row = Row { citizen: "=1+1\u{1b}[2J".into(), ..row(&error) };
        assert_eq!(Format::Csv.line(&row), r"7,'=1+1\u{1b}[2J,,,,invalid-citizen-id,");
    }
}

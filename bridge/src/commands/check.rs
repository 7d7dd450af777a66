//! `check`: checks the citizens in a file, many with one request.

mod client;
mod csv;
mod input;
mod pace;
mod progress;
mod results;
mod row;

use super::api::{Api, ApiError};
use crate::output::note;
use client::{Answer, Reply};
use input::{Input, InputError, Line};
use pace::{Next, Pace};
use progress::Progress;
use results::{Results, ResultsError};
use row::{Outcome, Row};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use row::Format;

/// The most ids in a request (API contract).
pub(crate) const MAX_BATCH: i64 = 100;

/// How often an id is asked about before its row says that there is no verdict.
const MAX_ATTEMPTS: u32 = 3;

/// The most rows of invalid ids in memory.
const MAX_ROWS: usize = 1_000;

/// The kind of problem of an invalid id.
const INVALID: &str = "invalid-citizen-id";

/// What to check, and where the results go.
pub(crate) struct CheckOptions {
    pub(crate) file: PathBuf,
    /// The results file. Default: beside the file.
    pub(crate) output: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) column: Option<String>,
    pub(crate) batch: usize,
    pub(crate) give_up_after: Duration,
}

/// Why not every id has a verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error("{0}. Run the same command again to go on: the results so far are kept")]
    GaveUp(String),
    #[error("{0} rows of {1} have an error instead of a verdict. Run the same command again for another try")]
    Incomplete(u64, String),
}

/// An id without a verdict yet.
struct Waiting {
    line: u64,
    citizen: String,
    attempts: u32,
}

/// Checks the citizens of a file that have no verdict in the results file.
pub(crate) async fn check(api: &Api, options: CheckOptions) -> Result<(), CheckError> {
    let CheckOptions { file, output, format, column, batch, give_up_after } = options;
    let (input, size) = Input::open(&file, column.as_deref())?;
    let output = output.unwrap_or_else(|| results::default_path(&file, format));
    let mut results = Results::open(&output, format)?;
    let known = results.citizens();
    note(&format!("results: {} ({} verdicts from before)", output.display(), known.len()));
    let now = Instant::now();
    let (pace, progress) = (Pace::new(batch, give_up_after, now), Progress::new(size, now));
    let mut run = Run { input, results, known, next: VecDeque::new(), later: VecDeque::new(), pace, progress };
    let ended = run.check_all(api).await;
    run.progress.end();
    note(&run.progress.summary(Instant::now()));
    ended?;
    match run.progress.invalid + run.progress.failed {
        0 => Ok(()),
        rows => Err(CheckError::Incomplete(rows, output.display().to_string())),
    }
}

struct Run {
    input: Input<BufReader<File>>,
    results: Results,
    /// The citizens with a verdict, and those that have been read from the file.
    known: HashSet<u64>,
    /// The ids that are asked about next.
    next: VecDeque<Waiting>,
    /// Ids without a verdict, to be asked about again when the file has been read.
    later: VecDeque<Waiting>,
    pace: Pace,
    progress: Progress,
}

impl Run {
    async fn check_all(&mut self, api: &Api) -> Result<(), CheckError> {
        loop {
            self.fill()?;
            if self.next.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = self.next.iter().take(self.pace.batch()).map(|it| it.citizen.as_str()).collect();
            let reply = client::check(api, &ids).await?;
            let next = self.pace.next(&reply, Instant::now());
            // At the end of the file there is nothing else to go on with, so each try counts.
            let is_end = self.input.is_finished();
            let pause = match next {
                Next::GiveUp(why) => return Err(CheckError::GaveUp(why)),
                Next::GoOn => None,
                Next::Repeat(pause, why) => Some((pause, why)),
            };
            if let Reply::Results(answers) = reply
                && (pause.is_none() || is_end)
            {
                self.take(answers)?;
            }
            if let Some((pause, why)) = pause
                && !(self.next.is_empty() && self.later.is_empty() && is_end)
            {
                self.progress.waiting(&why, pause);
                tokio::time::sleep(pause).await;
            }
            self.progress.show(self.input.bytes(), Instant::now());
        }
    }

    /// Reads the ids for the next request. At the end of the file, these are the ones that had no
    /// verdict before.
    fn fill(&mut self) -> Result<(), CheckError> {
        let mut invalid = Vec::new();
        while self.next.len() < self.pace.batch()
            && let Some(Line { number, id }) = self.input.next()?
        {
            match id {
                // At most twelve digits.
                Ok(id) if !self.known.insert(id.as_str().parse().unwrap_or_default()) => self.progress.skipped += 1,
                Ok(id) => {
                    self.next.push_back(Waiting { line: number, citizen: id.as_str().to_owned(), attempts: 0 });
                }
                Err((text, error)) => {
                    let outcome = Outcome::Error { kind: INVALID.to_owned(), detail: format!("the id {error}") };
                    invalid.push(Row { line: number, citizen: text.chars().take(64).collect(), outcome });
                }
            }
            if invalid.len() == MAX_ROWS {
                self.write(&std::mem::take(&mut invalid))?;
            }
        }
        if self.next.is_empty() {
            self.next.append(&mut self.later);
        }
        self.write(&invalid)
    }

    /// Writes the rows of these answers. An id without a verdict is asked about again, unless it was
    /// asked about often enough.
    fn take(&mut self, answers: Vec<Answer>) -> Result<(), CheckError> {
        let mut rows = Vec::new();
        for answer in answers {
            let Some(asked) = self.next.pop_front() else { break };
            let attempts = asked.attempts + 1;
            match answer.outcome {
                Outcome::Error { .. } if attempts < MAX_ATTEMPTS => self.later.push_back(Waiting { attempts, ..asked }),
                outcome => rows.push(Row { line: asked.line, citizen: asked.citizen, outcome }),
            }
        }
        self.write(&rows)
    }

    fn write(&mut self, rows: &[Row]) -> Result<(), CheckError> {
        self.results.append(rows)?;
        self.progress.count(rows);
        Ok(())
    }
}

//! How far a run is, on standard error.

use super::row::{Outcome, Row};
use crate::output::note;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the progress is shown where standard error is not a terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// The progress of one run.
pub(super) struct Progress {
    /// The size of the file in bytes.
    size: u64,
    read: u64,
    started: Instant,
    shown: Option<Instant>,
    is_terminal: bool,
    pub(super) eligible: u64,
    pub(super) affiliated: u64,
    pub(super) invalid: u64,
    pub(super) failed: u64,
    /// The ids that were there already or are repeated.
    pub(super) skipped: u64,
}

impl Progress {
    pub(super) fn new(size: u64, now: Instant) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let (read, shown) = (0, None);
        let (eligible, affiliated, invalid, failed, skipped) = (0, 0, 0, 0, 0);
        Self { size, read, started: now, shown, is_terminal, eligible, affiliated, invalid, failed, skipped }
    }

    /// Counts rows that were written.
    pub(super) fn count(&mut self, rows: &[Row]) {
        for row in rows {
            match &row.outcome {
                Outcome::Verdict { is_eligible: true, .. } => self.eligible += 1,
                Outcome::Verdict { is_eligible: false, .. } => self.affiliated += 1,
                Outcome::Error { kind, .. } if kind == super::INVALID => self.invalid += 1,
                Outcome::Error { .. } => self.failed += 1,
            }
        }
    }

    /// Shows how far the run is, after `read` bytes of the file.
    pub(super) fn show(&mut self, read: u64, now: Instant) {
        self.read = read;
        let interval = if self.is_terminal { Duration::from_millis(200) } else { INTERVAL };
        if self.shown.is_some_and(|shown| now < shown + interval) {
            return;
        }
        self.shown = Some(now);
        self.print(&self.line(now));
    }

    /// Shows that the run waits.
    pub(super) fn waiting(&mut self, why: &str, pause: Duration) {
        if !pause.is_zero() {
            let pause = humantime::format_duration(Duration::from_secs(pause.as_secs()));
            self.print(&format!("{why}: waiting {pause}"));
            self.end();
        }
    }

    /// Ends a line that would be written over.
    pub(super) fn end(&self) {
        if self.is_terminal {
            note("");
        }
    }

    fn print(&self, text: &str) {
        if self.is_terminal {
            // The sequence erases what is left of a longer line before.
            // There is no place for the progress if that fails.
            let _ = write!(std::io::stderr(), "\r{text}\u{1b}[K");
        } else {
            note(text);
        }
    }

    fn checked(&self) -> u64 {
        self.eligible + self.affiliated
    }

    fn line(&self, now: Instant) -> String {
        let took = now.saturating_duration_since(self.started);
        let percent = (self.read * 100).checked_div(self.size).unwrap_or(100);
        let rate =
            self.checked().checked_mul(1_000).and_then(|it| it.checked_div(u64::try_from(took.as_millis()).ok()?));
        format!(
            "{percent:>3} %  {} verdicts ({} eligible)  {} without  {}/s",
            self.checked(),
            self.eligible,
            self.invalid + self.failed,
            rate.unwrap_or_default()
        )
    }

    /// Describes the whole run.
    pub(super) fn summary(&self, now: Instant) -> String {
        let took = Duration::from_secs(now.saturating_duration_since(self.started).as_secs());
        format!(
            "{} eligible, {} affiliated already, {} invalid ids, {} without a verdict, {} skipped (known or repeated), in {}",
            self.eligible,
            self.affiliated,
            self.invalid,
            self.failed,
            self.skipped,
            humantime::format_duration(took)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_described_in_numbers() {
        let now = Instant::now();
        let mut progress = Progress::new(2_000, now);
        (progress.eligible, progress.affiliated, progress.invalid, progress.read) = (300, 100, 2, 1_000);
        let later = now + Duration::from_secs(4);
        assert_eq!(progress.line(later), " 50 %  400 verdicts (300 eligible)  2 without  100/s");
        let summary = "300 eligible, 100 affiliated already, 2 invalid ids, 0 without a verdict, 0 skipped (known or \
                       repeated), in 4s";
        assert_eq!(progress.summary(later), summary);
        assert_eq!(Progress::new(0, now).line(now), "100 %  0 verdicts (0 eligible)  0 without  0/s");
    }
}

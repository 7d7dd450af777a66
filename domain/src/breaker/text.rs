//! The shared text of a breaker's state: five words, whose parts are separated by `,` and `:`.

use super::BreakerState;
use super::phase::Phase;
use super::tally::{Failed, MAX_SUBJECTS, Subject, Tally};
use crate::time::Timestamp;

impl BreakerState {
    /// Formats the state as text.
    pub fn encode(&self) -> String {
        let subjects = self.subjects.iter().map(|(subject, phase)| format!("{}:{}", subject.0, encode_phase(phase)));
        let subjects: Vec<_> = ["-".to_owned()].into_iter().chain(subjects).collect();
        format!(
            "{} {} {} {} {}",
            encode_phase(&self.everybody),
            self.since.as_micros(),
            encode_tally(&self.current),
            encode_tally(&self.previous),
            subjects.join(",")
        )
    }

    /// Parses a state. Returns a closed breaker without any calls if the text is malformed.
    pub fn decode(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [everybody, since, current, previous, subjects] = words[..] else { return None };
        let subject = |entry: &str| {
            let (subject, phase) = entry.split_once(':')?;
            Some((Subject(subject.parse().ok()?), decode_phase(phase)?))
        };
        Some(Self {
            everybody: decode_phase(everybody)?,
            since: time(since)?,
            current: decode_tally(current)?,
            previous: decode_tally(previous)?,
            subjects: subjects.split(',').skip(1).take(MAX_SUBJECTS).map(subject).collect::<Option<_>>()?,
        })
    }
}

fn encode_phase(phase: &Phase) -> String {
    match phase {
        Phase::Closed => "closed".to_owned(),
        Phase::Open { until, times, failed } => format!("open:{}:{times}:{}", until.as_micros(), failed.0),
        Phase::Probing { until, times } => format!("probing:{}:{times}", until.as_micros()),
    }
}

fn decode_phase(text: &str) -> Option<Phase> {
    Some(match text.split(':').collect::<Vec<_>>()[..] {
        ["closed"] => Phase::Closed,
        ["open", until, times, failed] => {
            Phase::Open { until: time(until)?, times: times.parse().ok()?, failed: Subject(failed.parse().ok()?) }
        }
        ["probing", until, times] => Phase::Probing { until: time(until)?, times: times.parse().ok()? },
        _ => return None,
    })
}

fn encode_tally(tally: &Tally) -> String {
    let failed = tally.failed.iter().map(|it| format!("{}:{}:{}", it.subject.0, it.ids, it.attempts));
    [tally.successes.to_string()].into_iter().chain(failed).collect::<Vec<_>>().join(",")
}

fn decode_tally(text: &str) -> Option<Tally> {
    let (mut parts, failed) = (text.split(','), |entry: &str| {
        let [subject, ids, attempts] = entry.split(':').collect::<Vec<_>>()[..] else { return None };
        Some(Failed {
            subject: Subject(subject.parse().ok()?),
            ids: ids.parse().ok()?,
            attempts: attempts.parse().ok()?,
        })
    });
    let successes = parts.next()?.parse().ok()?;
    Some(Tally { successes, failed: parts.take(MAX_SUBJECTS + 1).map(failed).collect::<Option<_>>()? })
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_micros)
}

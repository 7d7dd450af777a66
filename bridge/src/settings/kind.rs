//! The kinds of values that settings have. `Display` completes the sentence "The value must be …",
//! and is empty where there is nothing to say.

use crate::job::{self, Job};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// What the values of a setting look like, and how they are parsed.
pub(crate) trait Kind: Display {
    type Value;

    /// Parses a value; `None` if it is not of this kind.
    fn parse(&self, text: &str) -> Option<Self::Value>;
}

/// Text whose reader says what is wrong with it.
pub(crate) struct Anything;

impl Kind for Anything {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl Display for Anything {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Text of one line. The line end of a file would make a password wrong, and nobody would see why.
pub(crate) struct Text;

impl Kind for Text {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        (!text.contains(|letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER))
            .then(|| text.to_owned())
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("UTF-8 text without a line end (write the file of a secret with printf %s)")
    }
}

/// One of these words.
pub(crate) struct OneOf(pub(crate) &'static [&'static str]);

impl Kind for OneOf {
    type Value = &'static str;

    fn parse(&self, text: &str) -> Option<&'static str> {
        self.0.iter().copied().find(|word| *word == text)
    }
}

impl Display for OneOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" or "))
    }
}

/// A URL that begins with one of these prefixes.
pub(crate) struct Url(pub(crate) &'static [&'static str]);

impl Kind for Url {
    type Value = String;

    fn parse(&self, text: &str) -> Option<String> {
        let known = self.0.iter().any(|prefix| text.starts_with(prefix));
        // The parser would ignore a line end, and encode a blank.
        let is_whole = !text.contains(char::is_whitespace);
        (known && is_whole && reqwest::Url::parse(text).is_ok()).then(|| text.to_owned())
    }
}

impl Display for Url {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a URL that begins with {}", self.0.join(" or "))
    }
}

/// A whole number in a range.
pub(crate) struct Number<T>(pub(crate) RangeInclusive<T>);

impl<T: Display + FromStr + PartialOrd> Kind for Number<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Option<T> {
        text.trim().parse().ok().filter(|number| self.0.contains(number))
    }
}

impl<T: Display> Display for Number<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.0.start(), self.0.end())
    }
}

/// A whole number of seconds.
pub(crate) struct Seconds(pub(crate) RangeInclusive<u64>);

impl Kind for Seconds {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        text.trim().parse().ok().filter(|seconds| self.0.contains(seconds)).map(Duration::from_secs)
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number of seconds from {} to {}", self.0.start(), self.0.end())
    }
}

/// A whole number of milliseconds.
pub(crate) struct Milliseconds(pub(crate) RangeInclusive<u64>);

impl Kind for Milliseconds {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        text.trim().parse().ok().filter(|milliseconds| self.0.contains(milliseconds)).map(Duration::from_millis)
    }
}

impl Display for Milliseconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number of milliseconds from {} to {}", self.0.start(), self.0.end())
    }
}

/// Durations in ascending order, separated by commas.
pub(crate) struct Durations;

impl Kind for Durations {
    type Value = Vec<Duration>;

    fn parse(&self, text: &str) -> Option<Vec<Duration>> {
        let durations: Option<Vec<_>> = text.split(',').map(|part| humantime::parse_duration(part).ok()).collect();
        // RabbitMQ counts the time to live of a message in whole milliseconds.
        durations.filter(|all| all.is_sorted() && all.iter().all(|duration| duration.as_millis() > 0))
    }
}

impl Display for Durations {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("durations of at least 1ms in ascending order, separated by commas, such as 500ms,5s,2m,1h 30m")
    }
}

/// A duration of whole seconds.
pub(crate) struct Age;

impl Kind for Age {
    type Value = Duration;

    fn parse(&self, text: &str) -> Option<Duration> {
        humantime::parse_duration(text).ok().filter(|age| age.subsec_nanos() == 0 && !age.is_zero())
    }
}

impl Display for Age {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a duration of whole seconds, such as 90s, 30m, 24h or 7days")
    }
}

/// Rows of the table of jobs.
pub(crate) struct Jobs;

impl Kind for Jobs {
    type Value = Vec<Job>;

    fn parse(&self, text: &str) -> Option<Vec<Job>> {
        job::parse(text)
    }
}

impl Display for Jobs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a JSON array of objects with name (of a-z, 0-9 and -), queue, routing_key and result_keys (of \
             successes, of all others), and optionally result_queue, each with a name and a queue of its own",
        )
    }
}

/// A filter of log records.
pub(crate) struct Filter;

impl Kind for Filter {
    type Value = EnvFilter;

    fn parse(&self, text: &str) -> Option<EnvFilter> {
        EnvFilter::try_new(text).ok()
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("levels (error, warn, info, debug, trace), each alone or after a module, such as warn,lapin=debug")
    }
}

/// An IP address with a port.
pub(crate) struct Address;

impl Kind for Address {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an IP address and a port, such as 127.0.0.1:9100")
    }
}

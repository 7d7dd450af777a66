//! How often connections that work are exchanged for new ones.

use std::time::{Duration, Instant};

/// The shortest time between two exchanges.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two exchanges. A server that takes over is found after at most this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The exchanges of one pool. While they follow each other as fast as they may, because the new
/// connections lead to a server that is of no use either, the pause doubles: each exchange costs a
/// handle for as long as the instance lives.
#[derive(Default)]
pub(super) struct Exchanges(Option<Exchange>);

struct Exchange {
    at: Instant,
    pause: Duration,
}

impl Exchanges {
    /// Returns whether a connection may be exchanged now, and counts the exchange if so.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        let pause = match &self.0 {
            None => SHORTEST_PAUSE,
            Some(last) => {
                let since = now.saturating_duration_since(last.at);
                if since < last.pause {
                    return false;
                }
                if since < last.pause * 2 { (last.pause * 2).min(LONGEST_PAUSE) } else { SHORTEST_PAUSE }
            }
        };
        self.0 = Some(Exchange { at: now, pause });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries an exchange at each of these seconds, and returns those at which it was allowed.
    fn allowed(seconds: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (start, mut exchanges) = (Instant::now(), Exchanges::default());
        seconds.into_iter().filter(|second| exchanges.allow(start + Duration::from_secs(*second))).collect()
    }

    #[test]
    fn exchanges_that_do_not_help_become_rare() {
        assert_eq!(allowed([0, 0, 0]), [0]);
        assert_eq!(allowed(0..40), [0, 1, 3, 7, 15, 23, 31, 39]);
    }

    #[test]
    fn exchange_after_a_while_is_the_first_again() {
        assert_eq!(allowed([0, 1, 2, 3, 60, 61, 62, 63]), [0, 1, 3, 60, 61, 63]);
    }
}

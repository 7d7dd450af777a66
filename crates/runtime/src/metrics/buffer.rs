//! The counts of one instance on their way to the shared cache.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts that were recorded in this instance and are not yet known to have arrived.
///
/// One task at a time sends them: it [begins](Buffer::begin), then [seals](Buffer::seal) and sends
/// one batch after the other, and reports each that [arrived](Buffer::sent).
pub struct Buffer(Mutex<State>);

struct State {
    /// A random number that names this instance in its batches, made with the first batch.
    instance: Option<u64>,
    open: BTreeMap<String, u64>,
    /// The batch that was sent and may have arrived. It is sent again unchanged until its arrival
    /// is known.
    sealed: Option<Batch>,
    /// The number of the last batch.
    number: u64,
    is_sending: bool,
}

/// Counts that are added to the shared counters together, exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The instance that recorded the counts.
    pub instance: u64,
    /// The number of the batch within its instance: 1, 2, 3 and so on.
    pub number: u64,
    /// The amount to add to each counter, by the counter's name.
    pub counts: BTreeMap<String, u64>,
}

impl Buffer {
    /// Creates an empty buffer.
    pub const fn new() -> Self {
        Self(Mutex::new(State { instance: None, open: BTreeMap::new(), sealed: None, number: 0, is_sending: false }))
    }

    /// Adds to a counter.
    pub fn add(&self, counter: String, amount: u64) {
        let mut state = self.state();
        let count = state.open.entry(counter).or_default();
        *count = count.saturating_add(amount);
    }

    /// Returns whether the caller becomes the sending task: there are counts to send, and no other
    /// task is sending them.
    pub fn begin(&self) -> bool {
        let mut state = self.state();
        let begins = !state.is_sending && (state.sealed.is_some() || !state.open.is_empty());
        state.is_sending |= begins;
        begins
    }

    /// Returns the batch to send next. `None` means that all batches have arrived and that the
    /// sending task has to end.
    pub fn seal(&self, random: impl FnOnce() -> u64) -> Option<Batch> {
        let mut state = self.state();
        if state.sealed.is_none() && !state.open.is_empty() {
            let instance = *state.instance.get_or_insert_with(random);
            state.number += 1;
            let (number, counts) = (state.number, std::mem::take(&mut state.open));
            state.sealed = Some(Batch { instance, number, counts });
        }
        // Decided under the same lock, so that the next count is either in the batch or begins a
        // task.
        state.is_sending = state.sealed.is_some();
        state.sealed.clone()
    }

    /// Reports that a batch has arrived.
    pub fn sent(&self, batch: &Batch) {
        let mut state = self.state();
        if state.sealed.as_ref().is_some_and(|sealed| sealed.number == batch.number) {
            state.sealed = None;
        }
    }

    /// Reports that the sending task ends early. The next task sends the batch that is left.
    pub fn end(&self) {
        self.state().is_sending = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_and_count(batch: Option<Batch>) -> (u64, u64) {
        let batch = batch.expect("a batch");
        (batch.number, batch.counts["a"])
    }

    #[test]
    fn batch_whose_arrival_is_unknown_is_sent_again_unchanged() {
        let buffer = Buffer::new();
        assert!(!buffer.begin(), "there is nothing to send");
        buffer.add("a".into(), 1);
        assert!(buffer.begin());
        assert!(!buffer.begin(), "another task is sending");
        assert_eq!(number_and_count(buffer.seal(|| 7)), (1, 1));
        buffer.add("a".into(), 2);
        let again = buffer.seal(|| 8);
        assert_eq!((again.as_ref().map(|batch| batch.instance), number_and_count(again.clone())), (Some(7), (1, 1)));
        buffer.sent(&again.expect("a batch"));
        assert_eq!(number_and_count(buffer.seal(|| 8)), (2, 2));
    }

    #[test]
    fn no_count_is_left_behind_when_a_task_ends() {
        let buffer = Buffer::new();
        buffer.add("a".into(), 1);
        assert!(buffer.begin());
        let batch = buffer.seal(|| 7).expect("a batch");
        buffer.end();
        assert!(buffer.begin(), "the next task sends what has not arrived");
        buffer.sent(&batch);
        assert_eq!(buffer.seal(|| 7), None);
        assert!(!buffer.begin());
        buffer.add("a".into(), 1);
        assert!(buffer.begin(), "a count after the end begins a task");
    }
}

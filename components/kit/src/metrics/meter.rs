//! The counts of one instance on their way to the cache.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is counted here and not yet known to have arrived.
pub(super) struct Meter(Mutex<State>);

struct State {
    /// Whose batches they are: random, made with the first one.
    instance: Option<u64>,
    open: BTreeMap<String, u64>,
    /// Sent, and perhaps arrived. It is sent again as it is until that is known.
    sealed: Option<Batch>,
    /// How many batches there have been.
    number: u64,
    /// A task is at it.
    sending: bool,
}

/// Counts that arrive together, and once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose it is.
    pub instance: u64,
    /// Which of its batches it is. They come one after the other.
    pub number: u64,
    /// How much is to be added to which counter.
    pub counts: BTreeMap<String, u64>,
}

impl Meter {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(State { instance: None, open: BTreeMap::new(), sealed: None, number: 0, sending: false }))
    }

    pub(super) fn add(&self, counter: String, more: u64) {
        let mut state = self.state();
        let count = state.open.entry(counter).or_default();
        *count = count.saturating_add(more);
    }

    /// May a task begin to send? Not if there is one, or nothing to send.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state();
        let begins = !state.sending && (state.sealed.is_some() || !state.open.is_empty());
        state.sending |= begins;
        begins
    }

    /// The batch to send next. None: all has arrived, and the task ends.
    pub(super) fn seal(&self, random: impl FnOnce() -> u64) -> Option<Batch> {
        let mut state = self.state();
        if state.sealed.is_none() && !state.open.is_empty() {
            let instance = *state.instance.get_or_insert_with(random);
            state.number += 1;
            let (number, counts) = (state.number, std::mem::take(&mut state.open));
            state.sealed = Some(Batch { instance, number, counts });
        }
        // Under the same lock, so that whoever counts next either is in the batch or begins a task.
        state.sending = state.sealed.is_some();
        state.sealed.clone()
    }

    /// A batch has arrived.
    pub(super) fn sent(&self, batch: &Batch) {
        let mut state = self.state();
        if state.sealed.as_ref().is_some_and(|sealed| sealed.number == batch.number) {
            state.sealed = None;
        }
    }

    /// The task ends, and leaves what it could not send to the next one.
    pub(super) fn end(&self) {
        self.state().sending = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(batch: Option<Batch>) -> (u64, u64) {
        let batch = batch.expect("a batch");
        (batch.number, batch.counts["a"])
    }

    #[test]
    fn a_batch_that_may_have_arrived_is_sent_again_as_it_was() {
        let meter = Meter::new();
        assert!(!meter.begin(), "there is nothing to send");
        meter.add("a".into(), 1);
        assert!(meter.begin());
        assert!(!meter.begin(), "one task is at it");
        assert_eq!(one(meter.seal(|| 7)), (1, 1));
        meter.add("a".into(), 2);
        let again = meter.seal(|| 8);
        assert_eq!((again.as_ref().map(|batch| batch.instance), one(again.clone())), (Some(7), (1, 1)));
        meter.sent(&again.expect("a batch"));
        assert_eq!(one(meter.seal(|| 8)), (2, 2));
    }

    #[test]
    fn nothing_stays_behind_when_a_task_ends() {
        let meter = Meter::new();
        meter.add("a".into(), 1);
        assert!(meter.begin());
        let batch = meter.seal(|| 7).expect("a batch");
        meter.end();
        assert!(meter.begin(), "what has not arrived is the next one's");
        meter.sent(&batch);
        assert_eq!(meter.seal(|| 7), None);
        assert!(!meter.begin());
        meter.add("a".into(), 1);
        assert!(meter.begin(), "what is counted after the end begins a task");
    }
}

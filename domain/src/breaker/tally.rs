//! The calls of one window: how many the registry answered, and which failed for whom.

use super::Policy;

/// The most subjects whose failures are counted apart. Those of further subjects are counted as if
/// they were one, which bounds the length of the shared text.
pub(super) const MAX_SUBJECTS: usize = 8;

/// With failures in this many of the 64 buckets, failures about an id that was counted already
/// count again: so many ids are not a caller's choice of a few.
const MANY_IDS: u32 = 32;

/// A digest of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject(pub(super) u32);

impl Subject {
    /// No subject, and the subjects beyond [`MAX_SUBJECTS`].
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(subject: &str) -> Self {
        let digest = digest(subject);
        Self(((digest ^ (digest >> 32)) & 0xffff_ffff) as u32).or_one()
    }

    fn or_one(self) -> Self {
        if self == Self::NONE { Self(1) } else { self }
    }
}

/// A call that the registry did not answer, or answered with an overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(super) subject: Subject,
    /// One of 64 buckets. The id cannot be derived from it: millions of ids share a bucket.
    bucket: u32,
    attempts: u32,
}

impl Failure {
    /// Creates the failure of a call of this subject about this id, with that many attempts.
    pub fn new(subject: &str, id: &str, attempts: u32) -> Self {
        Self { subject: Subject::new(subject), bucket: (digest(id) & 63) as u32, attempts }
    }
}

/// The failed calls of one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) subject: Subject,
    /// The buckets of the ids, as bits.
    pub(super) ids: u64,
    pub(super) attempts: u64,
}

/// The calls of one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) successes: u64,
    pub(super) failed: Vec<Failed>,
}

/// For whom the breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    Nobody,
    Subject,
    Everybody,
}

impl Tally {
    pub(super) fn add_successes(&mut self, successes: u64) {
        self.successes = self.successes.saturating_add(successes);
    }

    pub(super) fn add(&mut self, failure: Failure) {
        if failure.attempts == 0 {
            return;
        }
        let entry = self.entry(failure.subject);
        let bit = 1 << failure.bucket;
        if entry.ids & bit == 0 || entry.ids.count_ones() >= MANY_IDS {
            entry.attempts = entry.attempts.saturating_add(failure.attempts.into());
        }
        entry.ids |= bit;
    }

    pub(super) fn forget(&mut self, subject: Subject) {
        self.failed.retain(|failed| failed.subject != subject);
    }

    /// Returns the sum of two windows.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.add_successes(other.successes);
        for failed in &other.failed {
            let entry = sum.entry(failed.subject);
            entry.ids |= failed.ids;
            entry.attempts = entry.attempts.saturating_add(failed.attempts);
        }
        sum
    }

    /// Returns for whom the breaker opens after a failed call of `subject`.
    pub(super) fn trip(&self, subject: Subject, policy: &Policy) -> Trip {
        let heaviest = self.failed.iter().max_by_key(|failed| failed.attempts).map(|failed| failed.subject);
        let (all, all_ids) = self.sum(|_| true);
        let (others, ids_of_others) = self.sum(|own| Some(own) != heaviest);
        let (own, own_ids) = self.sum(|own| own == subject);
        if self.fails(all, policy) && all_ids >= policy.min_ids {
            let others_fail = others.saturating_mul(policy.one_in) >= others.saturating_add(self.successes);
            if others_fail && ids_of_others >= policy.min_ids_of_others {
                return Trip::Everybody;
            }
        }
        if self.fails(own, policy) && own_ids >= policy.min_ids { Trip::Subject } else { Trip::Nobody }
    }

    /// Returns whether too many calls failed, with this many failed attempts.
    fn fails(&self, attempts: u64, policy: &Policy) -> bool {
        let tries = self.successes.saturating_add(attempts);
        tries >= policy.min_tries && attempts.saturating_mul(policy.one_in) >= tries
    }

    /// Returns the failed attempts of some subjects, and the number of their ids.
    fn sum(&self, is_counted: impl Fn(Subject) -> bool) -> (u64, u32) {
        let counted = self.failed.iter().filter(|failed| is_counted(failed.subject));
        let add =
            |(attempts, ids): (u64, u64), failed: &Failed| (attempts.saturating_add(failed.attempts), ids | failed.ids);
        let (attempts, ids) = counted.fold((0, 0), add);
        (attempts, ids.count_ones())
    }

    fn entry(&mut self, subject: Subject) -> &mut Failed {
        let index = |failed: &[Failed], subject| failed.iter().position(|own| own.subject == subject);
        let is_full = self.failed.len() >= MAX_SUBJECTS;
        let subject = if is_full && index(&self.failed, subject).is_none() { Subject::NONE } else { subject };
        let index = index(&self.failed, subject).unwrap_or_else(|| {
            self.failed.push(Failed { subject, ..Failed::default() });
            self.failed.len() - 1
        });
        &mut self.failed[index]
    }
}

/// FNV-1a. It spreads ids over buckets and is no protection of what it digests: that so few bits of
/// it are kept is.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

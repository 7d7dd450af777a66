//! Ids and random bits. The random bytes of the host are fetched in blocks, because each fetch is a
//! call of the host.

use crate::clock::now;
use std::cell::RefCell;
use uuid::Builder;

/// How many random bytes are fetched at a time: those of 25 ids.
const BLOCK: usize = 256;

thread_local! {
    /// Random bytes that have not been used. Each is used once.
    static UNUSED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Returns a new UUID version 7. Such ids sort by the millisecond in which they were made (RFC 9562
/// section 5.7).
///
/// ```
/// let (first, second) = (connectivity_runtime::new_id(), connectivity_runtime::new_id());
/// assert_eq!(first.len(), 36);
/// assert_ne!(first, second);
/// ```
pub fn new_id() -> String {
    let milliseconds = u64::try_from(now().as_micros() / 1000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &random_bytes()).into_uuid().to_string()
}

/// Returns 64 random bits.
pub fn random() -> u64 {
    u64::from_ne_bytes(random_bytes())
}

fn random_bytes<const N: usize>() -> [u8; N] {
    UNUSED.with_borrow_mut(|unused| {
        while unused.len() < N {
            unused.extend(fetch());
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&unused.split_off(unused.len() - N));
        bytes
    })
}

/// Returns random bytes of the host, at least one.
#[cfg(target_family = "wasm")]
fn fetch() -> Vec<u8> {
    spin_sdk::wasip3::random::random::get_random_bytes(BLOCK as u64)
}

/// Returns random bytes of the system.
#[cfg(not(target_family = "wasm"))]
fn fetch() -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    getrandom::fill(&mut bytes).expect("random bytes of the system");
    bytes
}

#[cfg(test)]
mod tests {
    use super::{new_id, random};
    use std::collections::BTreeSet;
    use uuid::{Uuid, Version};

    #[test]
    fn ids_are_of_version_7_and_unique() {
        let ids: BTreeSet<_> = (0..1000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let id = Uuid::parse_str(&id).expect("a UUID");
            assert_eq!((id.get_version(), id.get_variant()), (Some(Version::SortRand), uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn random_bits_are_not_repeated() {
        let drawn: BTreeSet<_> = (0..1000).map(|_| random()).collect();
        assert_eq!(drawn.len(), 1000);
    }
}

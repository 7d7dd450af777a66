//! The scripts that Redis runs. A script is several commands in one round trip, executed
//! atomically.
//!
//! Scripts return facts; Rust decides.

use sha1_smol::Sha1;
use std::sync::OnceLock;

/// A script, and the name under which Redis keeps it once it has run it: the SHA-1 of its text. The
/// text is sent once, not with each call, and digested once.
pub(super) struct Script {
    pub(super) text: &'static str,
    name: OnceLock<String>,
}

impl Script {
    const fn new(text: &'static str) -> Self {
        Self { text, name: OnceLock::new() }
    }

    pub(super) fn name(&self) -> &str {
        self.name.get_or_init(|| Sha1::from(self.text).hexdigest())
    }
}

/// Sets KEYS[1] to ARGV[2] for ARGV[3] ms if its value is ARGV[1] (empty: the key is absent).
/// Returns 1 if it did, else 0.
pub(super) static COMPARE_AND_SET: Script = Script::new(
    "local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1",
);

/// Answers one [`GuardQuery`](super::guard::GuardQuery). The key that stands for none is written out in
/// it.
///
/// KEYS: 1 the key of the session's revocation (none: do not look it up), 2 the rate-limit counter
/// (none: take no call), 3 the completeness marker. ARGV: 1 the milliseconds left in the counter's
/// window, 2 how many calls to take, 3 how many the window allows. Returns whether the session is
/// revoked (0: no, 1: yes, 2: not known here) and how many calls are taken with these ones. They are
/// taken only if the session is known not to be revoked, and all of them are within what the window
/// allows.
pub(super) static GUARD: Script = Script::new(
    "if KEYS[1] ~= 'connectivity:{guard}:none' then
  local held = redis.call('MGET', KEYS[1], KEYS[3])
  if held[1] then return {1, 0} end
  if not held[2] then return {2, 0} end
end
if KEYS[2] == 'connectivity:{guard}:none' then return {0, 0} end
local taken = redis.call('INCRBY', KEYS[2], ARGV[2])
if taken == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[1]) end
if taken > tonumber(ARGV[3]) then redis.call('DECRBY', KEYS[2], ARGV[2]) end
return {0, taken}",
);

/// Writes revocations: their keys from KEYS[3] on, and their lifetimes in ms from ARGV[3] on. If
/// ARGV[1] is the value of the loader's lock KEYS[2], these are all revocations, and the completeness
/// marker KEYS[1] is set for ARGV[2] ms. Returns 1 if the marker was set, else 0.
pub(super) static REVOKE: Script = Script::new(
    "for i = 3, #KEYS do redis.call('SET', KEYS[i], '1', 'PX', ARGV[i]) end
if ARGV[1] == '' or redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
return 1",
);

/// Adds a batch of counts to the hash KEYS[1], unless its number ARGV[1] or a later one is in
/// KEYS[2], which is kept for ARGV[2] ms. The counts are lines of a name, a tab and a number in
/// ARGV[3]. Returns 1 if they were added, else 0.
pub(super) static ADD_COUNTS: Script = Script::new(
    "local held = redis.call('GET', KEYS[2])
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for name, count in string.gmatch(ARGV[3], '([^\\t\\n]+)\\t(%d+)\\n') do redis.call('HINCRBY', KEYS[1], name, count) end
return 1",
);

#[cfg(test)]
mod tests {
    use super::{ADD_COUNTS, COMPARE_AND_SET, GUARD, REVOKE, Script};
    use crate::cache::keys;

    /// Redis Cluster, access rules for keys and Dragonfly need to know the keys of a script before it
    /// runs.
    #[test]
    fn every_key_that_a_script_uses_is_declared() {
        for script in [&COMPARE_AND_SET, &GUARD, &REVOKE, &ADD_COUNTS] {
            for call in script.text.split("redis.call('").skip(1) {
                let key = call.split_once("', ").map(|(_, arguments)| arguments);
                assert!(key.is_some_and(|key| key.starts_with("KEYS[")), "{call}");
            }
        }
    }

    #[test]
    fn the_key_that_stands_for_none_is_that_of_the_guard_script() {
        assert_eq!(GUARD.text.matches(&format!("'{}'", keys::NONE)).count(), 2);
    }

    // The example is from Redis's manual for `SCRIPT LOAD`.
    #[test]
    fn script_name_is_the_one_that_redis_uses() {
        let script = Script::new("return 1");
        assert_eq!(script.name(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}

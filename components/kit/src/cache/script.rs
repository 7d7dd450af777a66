//! The scripts that Redis runs: several steps of one question in one round trip, all of them or none.

use sha1_smol::Sha1;
use std::sync::OnceLock;

/// A script, and the name that Redis has for it once it has seen it: its SHA-1. So the text travels once, not with each
/// question, and is not digested again each time.
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

/// Sets KEYS[1] to ARGV[2] for ARGV[3] ms if it is ARGV[1] (empty: absent).
pub(super) static COMPARE_AND_SET: Script = Script::new(
    "local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1",
);

/// Counts KEYS[1] up; it expires ARGV[1] ms after the first count.
pub(super) static COUNT: Script = Script::new(
    "local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count",
);

/// The whole visit: asked with every request, so it is told as little as possible, and two keys stand in it: the marker and
/// the counters ([`super::visit`]).
///
/// KEYS: 1 the session's revocation, or what is known of it (`0`, or `1`: revoked), 2 the throttle. ARGV: 1 the throttle's
/// limit (0: none), 2 ms left in its window, 3 the counter. Answers what was seen (0: not revoked, 1: revoked, 2: not known
/// here, and nothing was done), and how many calls were taken.
pub(super) static VISIT: Script = Script::new(
    "local revoked = KEYS[1]
if #revoked > 1 then
  local held = redis.call('MGET', revoked, 'connectivity:revocations:complete')
  if held[1] then revoked = '1'
  elseif held[2] then revoked = '0'
  else return {2, 0} end
end
if revoked == '1' then
  redis.call('HINCRBY', 'connectivity:counts', ARGV[3] .. '|revoked', '1')
  return {1, 0}
end
local taken, outcome, limit = 0, '|admitted', ARGV[1]
if limit ~= '0' then
  taken = redis.call('INCR', KEYS[2])
  if taken == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
  if taken > tonumber(limit) then outcome = '|throttled' end
end
redis.call('HINCRBY', 'connectivity:counts', ARGV[3] .. outcome, '1')
return {0, taken}",
);

/// Writes revocations: pairs of a key and its time in ms from ARGV[3] on. If ARGV[1] holds the loader's lock KEYS[2], they
/// are all there are: then the marker KEYS[1] is set for ARGV[2] ms.
pub(super) static REVOKE: Script = Script::new(
    "for i = 3, #ARGV, 2 do redis.call('SET', ARGV[i], '1', 'PX', ARGV[i + 1]) end
if ARGV[1] == '' or redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
return 1",
);

/// Adds a batch of counts to KEYS[1], lines of a name, a tab and a number in ARGV[3], unless its number ARGV[1] or a later
/// one is in KEYS[2], which is kept for ARGV[2] ms.
pub(super) static ADD_COUNTS: Script = Script::new(
    "local held = redis.call('GET', KEYS[2])
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for name, count in string.gmatch(ARGV[3], '([^\\t\\n]+)\\t(%d+)\\n') do redis.call('HINCRBY', KEYS[1], name, count) end
return 1",
);

#[cfg(test)]
mod tests {
    use super::{Script, VISIT};
    use crate::cache::visit;

    #[test]
    fn the_keys_in_the_visit_are_those_that_others_use() {
        for key in [visit::COMPLETE, visit::COUNTS] {
            assert!(VISIT.text.contains(&format!("'{key}'")), "{key}");
        }
    }

    /// The example of Redis's manual for `SCRIPT LOAD`.
    #[test]
    fn a_script_is_named_as_redis_names_it() {
        let script = Script::new("return 1");
        assert_eq!(script.name(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}

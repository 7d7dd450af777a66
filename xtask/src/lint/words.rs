//! No word of the project's former vocabulary may come back: each thing has one name, the field's.

use std::path::Path;

/// Words that are not to be written, and what to write instead.
struct Rule {
    words: &'static [&'static str],
    place: Place,
    instead: &'static str,
}

/// Where a rule looks for its words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In all text. A word ends where a letter or a digit does not follow, and `_` is neither.
    Text,
    /// In Rust code without its comments and strings, where a word is a whole identifier.
    Code,
}

const RULES: [Rule; 30] = [
    // In text, an alarm is RabbitMQ's: it blocks publishers.
    code(&["alarm::", "mod alarm", "Alarm", "Bell"], "timer, SharedTimer"),
    text(&["latch", "Latch"], "signal, Signal"),
    text(&["patience", "PATIENCE", "Patience"], "a name in _TIMEOUT; login_throttle, LoginThrottle"),
    text(&["household"], "rate_limit_key"),
    text(&["Keeper", "plant", "planted"], "AuthState, seed, seeded"),
    text(&["Lookout"], "HealthProbe"),
    text(&["valve", "Valve"], "flow control, FlowControl"),
    text(&["bury", "buried", "buries"], "dead-letter, dead_letter"),
    text(&["park", "parked", "parks"], "delay, delayed"),
    text(&["told"], "describe, reported"),
    text(&["in-work", "in_work", "InWork", "in work"], "in-progress, in_progress, InProgress, in progress"),
    text(&["nonsense", "Nonsense", "RegistryNonsense"], "unexpected response, UnexpectedResponse"),
    text(&["connectivity_kit", "connectivity-kit", "components/kit"], "one of crates/"),
    code(&["Turns", "Waiter"], "Semaphore, Permit"),
    code(&["gate", "Gate"], "signal, Signalled"),
    code(&["Visitor"], "LoginOrigin, GuardRequest"),
    code(&["Entrance", "Doors"], "AdmissionCheck, SharedState"),
    code(&["Visit"], "GuardQuery"),
    code(&["Take", "Seen"], "RateLimitHit, GuardAnswer"),
    code(&["Standing", "Allowance"], "RateLimitStatus, RateLimitHeaders"),
    code(&["throttle::", "mod throttle"], "rate_limit"),
    code(&["answer::", "mod answer"], "response"),
    code(&["kit::"], "runtime, storage, registry, registry_http, edge"),
    code(&["Same", "Base", "Asking"], "Component, Dependencies, RegistryFactory"),
    code(&["Look"], "ProbeResult"),
    code(&["Settings::Right", "Settings::Wrong"], "ConfigState::Valid, ConfigState::Invalid"),
    code(&["struct Left", "enum Left"], "Abandoned"),
    code(&["Why"], "RetryReason"),
    code(&["troubles", "MAX_TROUBLES"], "component_failures, MAX_COMPONENT_FAILURES"),
    code(&["::of("], "from_… or new"),
];

/// Names that stay: those that operators know, and those of other crates.
const KEPT: [&str; 4] = [
    "connectivity_bridge_parked_total",
    // A value of the label `outcome`, in code and in Markdown.
    "\"nonsense\"",
    "`nonsense`",
    "prop::option::of(",
];

/// Words that may stay in a file, each with the reason.
const EXCEPTIONS: [(&str, &str); 4] = [
    // RabbitMQ's own word for a node that is out of memory or disk space.
    ("docs/operations.md", "alarms"),
    // A value of the label `outcome` in a text.
    ("tests/tests/metrics.rs", "nonsense"),
    // A trait of serde.
    ("crates/edge/src/json_body/fields.rs", "Visitor"),
    ("crates/jobs/src/cloud_event.rs", "Visitor"),
];

/// Files without prose or code of this project, the list of changes, which names what was renamed, and
/// this file.
const SKIPPED: [&str; 5] = ["Cargo.lock", "LICENSE", "requirements.txt", "CHANGELOG.md", "lint/words.rs"];

const fn text(words: &'static [&'static str], instead: &'static str) -> Rule {
    Rule { words, place: Place::Text, instead }
}

const fn code(words: &'static [&'static str], instead: &'static str) -> Rule {
    Rule { words, place: Place::Code, instead }
}

/// Returns a problem for every occurrence of a word in a file.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    if SKIPPED.iter().any(|name| path.ends_with(name)) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = KEPT.iter().fold(line.to_owned(), |line, name| line.replace(name, ""));
        let code = if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
            without_comments_and_strings(&line)
        } else {
            String::new()
        };
        for Rule { words, place, instead } in &RULES {
            let line = if *place == Place::Text { &line } else { &code };
            let found = words.iter().filter(|word| contains(line, word, *place) && !is_exception(path, word));
            problems.extend(found.map(|word| format!("{path}:{number}: `{word}`: write {instead}")));
        }
    }
    problems
}

fn is_exception(path: &str, word: &str) -> bool {
    EXCEPTIONS.contains(&(path, word))
}

/// Returns whether a line contains a word, and not only as a part of another one.
fn contains(line: &str, word: &str, place: Place) -> bool {
    let continues = |c: char| c.is_alphanumeric() || place == Place::Code && c == '_';
    // A word such as `answer::` ends by itself.
    let is_open = |edge: Option<char>| edge.is_some_and(continues);
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let joins_before = is_open(before) && is_open(word.chars().next());
        let joins_after = is_open(after) && is_open(word.chars().next_back());
        !joins_before && !joins_after
    })
}

/// Returns a line of Rust without what stands in quotation marks or after `//`.
fn without_comments_and_strings(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => in_string = !in_string,
            '/' if !in_string && chars.peek() == Some(&'/') => break,
            _ if !in_string => code.push(c),
            _ => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn former_word_is_reported_with_its_place_and_its_replacement() {
        assert_eq!(check("a.md", "one\nthe valve opens"), ["a.md:2: `valve`: write flow control, FlowControl"]);
        assert_eq!(check("a.rs", "let x = Citizen::of(1);").len(), 1);
        assert_eq!(check("a.rs", "use crate::in_work_until;").len(), 1);
    }

    #[test]
    fn public_names_are_allowed() {
        assert_eq!(check("a.yaml", "rate(connectivity_bridge_parked_total[5m])"), [""; 0]);
        assert_eq!(check("a.rs", "Outcome::UnexpectedResponse => \"nonsense\","), [""; 0]);
        assert_eq!(check("a.rs", "fn parked_total()").len(), 1);
    }

    #[test]
    fn parts_of_other_words_are_allowed() {
        for line in ["a sparking valves", "workspace in workspace", "toldo", "Baseline", "is_seen", "kitchen"] {
            assert_eq!(check("a.rs", line), [""; 0], "{line}");
        }
    }

    #[test]
    fn identifiers_are_reported_in_code_only() {
        assert_eq!(check("a.rs", "struct Take;").len(), 1);
        assert_eq!(check("a.rs", r#"let x = 1; // Take "care""#), [""; 0]);
        assert_eq!(check("a.rs", r#"print("Take \" Take");"#), [""; 0]);
        assert_eq!(check("a.md", "Take care"), [""; 0]);
        assert_eq!(check("a.rs", "login_throttle::check()"), [""; 0]);
    }
}

//! The notes of a release: its part of CHANGELOG.md.

use crate::failure::Failure;

/// Returns the part about what is not released yet, or else about this version. It begins with the
/// upgrade notes, which have to be read before anything is installed.
pub(super) fn from_changelog(changelog: &str, version: &str) -> Result<String, Failure> {
    let sections = || changelog.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let unreleased = sections().find(|(title, body)| title.trim() == "Unreleased" && !body.trim().is_empty());
    let section = unreleased.or_else(|| sections().find(|(title, _)| title.split(' ').next() == Some(version)));
    let (_, body) = section.ok_or_else(|| Failure(format!("CHANGELOG.md has no part about {version}")))?;
    let body = format!("\n{body}");
    let parts = body.split("\n### ").map(str::trim).filter(|part| !part.is_empty());
    let (upgrading, others): (Vec<_>, Vec<_>) = parts.partition(|part| part.starts_with("Upgrading"));
    let parts = upgrading.into_iter().chain(others).map(|part| format!("## {part}\n"));
    Ok(parts.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::from_changelog;

    #[test]
    fn upgrade_notes_come_first() {
        let log = "# Changelog\n\n## 2.0.0 - 2026-01-01\n\n### Added\n\n- a\n\n### Upgrading\n\n- b\n\n## 1.0.0 - 2025-01-01\n\n- c\n";
        let notes = from_changelog(log, "2.0.0").expect("notes");
        assert_eq!(notes, "## Upgrading\n\n- b\n\n## Added\n\n- a\n");
    }

    #[test]
    fn unreleased_changes_are_those_of_the_next_version() {
        let log = |unreleased| format!("# Changelog\n\n## Unreleased\n{unreleased}\n## 1.0.0\n\n### Added\n\n- old\n");
        let notes = |unreleased, version| from_changelog(&log(unreleased), version).map_err(|failure| failure.0);
        assert_eq!(notes("\n### Fixed\n\n- new\n", "1.0.0").as_deref(), Ok("## Fixed\n\n- new\n"));
        assert_eq!(notes("", "1.0.0").as_deref(), Ok("## Added\n\n- old\n"));
        assert_eq!(notes("", "1.0"), Err("CHANGELOG.md has no part about 1.0".to_owned()));
    }
}

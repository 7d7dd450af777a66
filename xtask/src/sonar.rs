//! sonar-project.properties, the only list of what the coverage leaves out.

use crate::failure::Failure;
use crate::project::text;

const FILE: &str = "sonar-project.properties";

/// Returns the patterns of the files whose coverage is not measured, such as `**/tests.rs`.
pub(crate) fn coverage_exclusions() -> Result<Vec<String>, Failure> {
    list("sonar.coverage.exclusions")
}

/// Returns a comma-separated property.
fn list(property: &str) -> Result<Vec<String>, Failure> {
    let text = text(FILE)?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let values: Vec<_> = pairs.filter(|(name, _)| *name == property).map(|(_, value)| value).collect();
    let [value] = values.as_slice() else {
        return Err(Failure(format!("{FILE}: the property {property} must be set once")));
    };
    Ok(value.split(',').map(|item| item.trim().to_owned()).collect())
}

/// Returns a regular expression for the paths that match any of the patterns.
///
/// In a pattern `*` stands for any part of a name, and `**` for any number of folders.
pub(crate) fn regex(patterns: &[String]) -> String {
    let regexes = patterns.iter().map(|pattern| {
        let marked = pattern.replace('.', r"\.").replace("**/", "<folders>").replace("**", "<path>");
        let regex = marked.replace('*', "[^/]*").replace("<folders>", "(.*/)?").replace("<path>", ".*");
        format!("/{regex}$")
    });
    regexes.collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::root;
    use std::path::Path;

    /// Returns whether a folder or a file of the checkout matches a pattern.
    fn exists(pattern: &str) -> bool {
        let root = root();
        match pattern.strip_prefix("**/") {
            Some(name) => contains(&root.join("domain"), name) || contains(&root.join("components"), name),
            None => root.join(pattern.trim_end_matches("/**")).exists(),
        }
    }

    fn contains(folder: &Path, name: &str) -> bool {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.into_iter().any(|entry| {
            let is_folder = entry.file_type().expect("a type").is_dir();
            entry.file_name().to_string_lossy() == name || is_folder && contains(&entry.path(), name)
        })
    }

    #[test]
    fn every_exclusion_matches_a_file() {
        for pattern in coverage_exclusions().expect("the property") {
            assert!(exists(&pattern), "{FILE}: nothing matches {pattern}");
        }
    }

    #[test]
    fn every_member_of_the_workspace_is_a_source_or_a_test() {
        let manifest: toml::Table = text("Cargo.toml").expect("Cargo.toml").parse().expect("TOML");
        let [sources, tests] = ["sonar.sources", "sonar.tests"].map(|property| list(property).expect("the property"));
        for member in manifest["workspace"]["members"].as_array().expect("members") {
            let folder = member.as_str().expect("a path").trim_end_matches("/*");
            let is_listed = |list: &[String]| {
                list.iter().any(|path| folder == path || folder.starts_with(&format!("{path}/")))
                    || list.contains(&format!("{folder}/src"))
            };
            assert!(
                is_listed(&sources) || is_listed(&tests),
                "{FILE}: {folder} is neither in sonar.sources nor in sonar.tests"
            );
        }
    }

    #[test]
    fn patterns_become_regular_expressions() {
        let patterns = ["xtask/**", "**/tests.rs", "a/b.rs"].map(str::to_owned);
        assert_eq!(regex(&patterns), r"/xtask/.*$|/(.*/)?tests\.rs$|/a/b\.rs$");
    }
}

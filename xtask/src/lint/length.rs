//! No source file may be too long to read.

/// The largest number of lines of a source file, tests included.
const MAX_LINES: usize = 400;

const EXTENSIONS: [&str; 6] = [".rs", ".wit", ".sql", ".js", ".css", ".sh"];

/// Returns the problem of a file that is too long.
pub(super) fn check(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let is_source = EXTENSIONS.iter().any(|extension| path.ends_with(extension));
    (is_source && lines > MAX_LINES).then(|| format!("{path}: {lines} lines; split it (at most {MAX_LINES})"))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn long_source_file_is_reported() {
        let [allowed, too_long] = [400, 401].map(|lines| "x\n".repeat(lines));
        assert_eq!(check("a.rs", &allowed), None);
        assert!(check("a.rs", &too_long).is_some_and(|problem| problem.starts_with("a.rs: 401 lines")));
        assert_eq!(check("openapi.json", &too_long), None);
    }
}

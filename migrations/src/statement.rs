//! The statements of a step's SQL file.
//!
//! A statement ends with `;` at the end of a line. Lines that start with `--` are comments. On
//! MySQL a comment `-- unless: SELECT …` before a statement, which the following comment lines
//! continue, names a query: if it returns a row, the statement has been carried out already.

/// A statement and the query that tells whether it has been carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) unless: Option<String>,
}

/// Splits the text of a file into its statements.
pub(crate) fn parse(script: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut current = Statement::default();
    for line in script.lines().map(str::trim_end) {
        if let Some(comment) = line.trim_start().strip_prefix("--") {
            let comment = comment.trim();
            if let Some(query) = comment.strip_prefix("unless:") {
                current.unless = Some(query.trim().to_owned());
            } else if current.sql.is_empty()
                && let Some(query) = &mut current.unless
            {
                query.push(' ');
                query.push_str(comment);
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if !current.sql.is_empty() {
            current.sql.push('\n');
        }
        let text = line.strip_suffix(';');
        current.sql.push_str(text.unwrap_or(line));
        if text.is_some() {
            statements.push(std::mem::take(&mut current));
        }
    }
    if !current.sql.is_empty() {
        statements.push(current);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sql: &str, unless: Option<&str>) -> Statement {
        Statement { sql: sql.to_owned(), unless: unless.map(str::to_owned) }
    }

    #[track_caller]
    fn check(script: &str, expected: &[Statement]) {
        assert_eq!(parse(script), expected);
    }

    #[test]
    fn statements_are_split_and_comments_dropped() {
        check("", &[]);
        check("-- A comment; nothing else;\n", &[]);
        check(
            "-- About a;\nCREATE a (\n  -- The key;\n  b INT\n);\n\nCREATE c;\n",
            &[statement("CREATE a (\n  b INT\n)", None), statement("CREATE c", None)],
        );
        check("CREATE a", &[statement("CREATE a", None)]);
    }

    #[test]
    fn the_condition_belongs_to_the_next_statement() {
        check(
            "-- Why.\n-- unless: SELECT 1\n--   FROM a\nALTER a;\nALTER b;\n",
            &[statement("ALTER a", Some("SELECT 1 FROM a")), statement("ALTER b", None)],
        );
    }
}

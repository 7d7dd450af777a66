//! Commands that the documentation tells operators to run, so that the tests run the same ones.

use crate::servers::root;

/// Returns the code block of docs/deployment.md that contains this text.
pub fn deployment(text: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/deployment.md")).expect("the page");
    let blocks = page.split("\n```").skip(1).step_by(2);
    let found =
        blocks.filter_map(|block| block.split_once('\n')).map(|(_, code)| code).find(|code| code.contains(text));
    found.unwrap_or_else(|| panic!("docs/deployment.md has no code block with {text}")).to_owned()
}

/// Returns the arguments of each command of this program in a block of shell commands.
pub fn arguments(block: &str, program: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let commands = joined.lines().filter_map(|line| line.strip_prefix(program)?.strip_prefix(' '));
    commands.map(words).collect()
}

/// Splits a command into words, some of which are in single quotes.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| {
            let is_quoted = index % 2 == 1;
            if is_quoted { vec![part] } else { part.split_whitespace().collect() }
        })
        .map(str::to_owned)
        .collect()
}

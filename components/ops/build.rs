//! Prepares the OpenAPI document that the component embeds: without the white space that makes the
//! committed file readable, it is less than half as long.

use std::path::PathBuf;

const DOCUMENT: &str = "openapi.json";

fn main() {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let document = std::fs::read_to_string(DOCUMENT).expect("the document can be read");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(folder.join(DOCUMENT), without_white_space(&document)).expect("the document can be written");
}

/// Returns the JSON text without the white space outside its strings.
fn without_white_space(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let keep = |character: &char| {
        let ends_or_starts = *character == '"' && !is_escaped;
        is_escaped = in_string && *character == '\\' && !is_escaped;
        if ends_or_starts {
            in_string = !in_string;
        }
        in_string || !character.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

//! Prepares the static files that the component embeds: the OpenAPI document without the white space
//! that makes the committed file readable, each file compressed, and a digest of each for `ETag`.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1_smol::Sha1;
use std::io::Write;
use std::path::PathBuf;

const DOCUMENT: &str = "openapi.json";

/// The files that are embedded as they are.
const PAGE: [&str; 3] = ["page.html", "page.css", "page.js"];

fn main() {
    embed(DOCUMENT, &without_white_space(&read(DOCUMENT)));
    for name in PAGE {
        embed(name, &read(&format!("src/page/{name}")));
    }
}

fn read(path: &str) -> String {
    println!("cargo::rerun-if-changed={path}");
    std::fs::read_to_string(path).expect("the file can be read")
}

fn embed(name: &str, text: &str) {
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |suffix: &str, content: &[u8]| {
        std::fs::write(folder.join(format!("{name}{suffix}")), content).expect("the file can be written");
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).expect("a vector takes everything");
    write("", text.as_bytes());
    write(".gz", &gzip.finish().expect("a vector takes everything"));
    write(".digest", &Sha1::from(text).hexdigest().as_bytes()[..16]);
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

//! Prints the API's document. `cargo xtask schema` writes it to where it is served from.

fn main() {
    print!("{}", connectivity_api::text());
}

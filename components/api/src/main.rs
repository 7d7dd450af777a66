//! Prints the OpenAPI document. `cargo xtask schema` writes it into `components/ops`.

fn main() {
    print!("{}", connectivity_api::text());
}

//! Generates the call of `bindgen!` for the `spin:*` interfaces, with the WIT of the same spin-sdk
//! that the components are built with. No WIT file is copied into the repository.

use std::process::Command;
use std::{env, fs};

fn main() {
    let cargo = env::var("CARGO").expect("cargo sets CARGO");
    let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path", "Cargo.toml"];
    let output = Command::new(cargo).args(arguments).output().expect("cargo metadata runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let sdk = packages.iter().find(|package| package["name"] == "spin-sdk").expect("spin-sdk is in Cargo.lock");
    let manifest = sdk["manifest_path"].as_str().expect("a path");
    let wit = manifest.strip_suffix("Cargo.toml").expect("a manifest").to_owned() + "wit";
    let bindings = format!(
        r##"wasmtime::component::bindgen!({{
    path: "{wit}",
    inline: r#"
        package connectivity:host;
        world host {{
            import spin:variables/variables@3.0.0;
            import spin:mysql/mysql@3.0.0;
            import spin:redis/redis@3.0.0;
            import spin:sqlite/sqlite@3.1.0;
        }}
    "#,
    imports: {{ default: async | trappable }},
    with: {{
        "spin:mysql/mysql.connection": crate::handles::MysqlConnection,
        "spin:redis/redis.connection": crate::handles::RedisConnection,
        "spin:sqlite/sqlite.connection": crate::handles::SqliteConnection,
    }},
}});
"##
    );
    let file = env::var("OUT_DIR").expect("cargo sets OUT_DIR") + "/bindings.rs";
    fs::write(file, bindings).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
}

//! The generated bindings of the WIT. A component imports only the interfaces that it uses.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    reason = "generated; the documentation is in wit/registry.wit"
)]
mod generated {
    spin_sdk::wit_bindgen::generate!({
        inline: "
            package connectivity:clients;
            world clients {
                import connectivity:registry/citizens@0.2.0;
                import connectivity:registry/documents@0.2.0;
            }
        ",
        path: "../../wit",
        world: "connectivity:clients/clients",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

pub use generated::connectivity::registry::{citizens, documents, types};

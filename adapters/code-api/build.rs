//! Turns the schema in `proto/` into Rust types, without an installed `protoc`.

use std::error::Error;

const FILES: [&str; 7] = [
    "common.proto",
    "transaction.proto",
    "messaging.proto",
    "micropayment.proto",
    "user.proto",
    "currency.proto",
    "account.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let mut config = prost_build::Config::new();
    // Maps have to be written in one order, whoever writes them.
    config.btree_map(["."]);
    config.include_file("schema.rs");
    config.compile_fds(descriptors)?;
    Ok(())
}

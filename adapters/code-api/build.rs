//! Turns the schema in `proto/` into Rust types, without an installed `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

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
    let mut descriptors = protox::compile(FILES, ["proto"])?;
    let mut config = prost_build::Config::new();
    // Maps have to be written in one order, whoever writes them.
    config.btree_map(["."]);
    config.include_file("schema.rs");
    config.compile_fds(descriptors.clone())?;
    // What gRPC's reflection tells of: the schema without its comments.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let place = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(place, descriptors.encode_to_vec())?;
    Ok(())
}

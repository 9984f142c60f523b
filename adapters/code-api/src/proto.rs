//! The messages of the official schema, generated from `proto/` with the official field numbers.
//!
//! Decoding with these types drops unknown fields, and encoding writes a `oneof` where its lowest number stands. A
//! signature is therefore never checked over a re-encoding made here, see [`crate::wire`].
#![expect(
    missing_docs,
    clippy::doc_markdown,
    reason = "generated code: the schema files carry the comments, where a name does not say it"
)]

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// The whole schema as a serialized `FileDescriptorSet`, for those who ask a server what it speaks.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

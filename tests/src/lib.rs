//! What the end-to-end tests share: a node as a process, its command line, a plain HTTP client, a merchant and a payer, and
//! the official SDKs behind one line-by-line protocol.
//!
//! Everything here panics with what went wrong: a test that cannot set its stage has failed.

pub mod asked;
pub mod disk;
pub mod driver;
pub mod examples;
pub mod faults;
pub mod hook;
pub mod http;
pub mod people;
pub mod process;
pub mod proxy;
pub mod sdk;
pub mod shop;
pub mod socket;
pub mod till;
pub mod transcript;
pub mod vectors;

/// Where the programs under test and a directory for scratch files are, as only cargo knows when it compiles a test.
#[macro_export]
macro_rules! here {
    () => {
        $crate::process::Here {
            binary: env!("CARGO_BIN_EXE_quittance-under-test"),
            scratch: env!("CARGO_TARGET_TMPDIR"),
        }
    };
}

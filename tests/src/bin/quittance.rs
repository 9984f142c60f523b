//! The `quittance` binary, as a process for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    quittance_cli::run(std::env::args_os())
}

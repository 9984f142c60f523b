//! The `quittance` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    quittance_cli::run(std::env::args_os())
}

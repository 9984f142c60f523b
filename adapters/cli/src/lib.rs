//! The `quittance` command as a library, so that tests run the very code that ships.

mod account;
mod addresses;
mod args;
mod backup;
mod bench;
mod client;
mod code;
mod config;
mod connections;
mod demo;
mod error;
mod export;
mod grpc;
mod keys;
mod lifecycle;
mod listener;
mod log;
mod login;
mod node;
#[cfg(unix)]
mod operator;
mod outbound;
mod output;
pub mod pages;
mod pay;
mod pay_grpc;
mod picture;
mod progress;
mod rates;
mod refund;
mod restore;
mod serve;
mod shop;
mod show;
mod source;
mod terms;
#[cfg(unix)]
mod top;
#[cfg(unix)]
mod webhook;
mod why;
mod withdraw;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{AccountCommand, Args, Command, KeysCommand, LogCommand};
use error::CliError;
use output::Output;

/// Runs one command line. Exit codes are listed in `quittance --help`.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => {
            // Help goes to stdout with code 0, misuse to stderr with code 2; a closed pipe is nobody's fault.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(args.json);
    match dispatch(args.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Serve(args) => serve::run(args, output),
        Command::Demo(args) => demo::run(args, output),
        Command::Keys(KeysCommand::New { out }) => keys::new(&out, output),
        Command::Keys(KeysCommand::Show { file, jwks }) => keys::show(&file, jwks, output),
        Command::Pay(args) => pay::run(&args, output),
        Command::Code(args) => code::run(&args, output),
        Command::Login(args) => login::run(&args, output),
        Command::Show(args) => show::run(&args, output),
        Command::Why(args) => why::run(&args, output),
        Command::Refund(args) => refund::run(&args, output),
        Command::Lifecycle { format } => lifecycle::run(format, output),
        #[cfg(unix)]
        Command::Webhook(command) => webhook::run(&command, output),
        #[cfg(unix)]
        Command::Top(args) => top::run(&args, output),
        Command::Log(LogCommand::Dump { data, from }) => log::dump(&data, from, output),
        Command::Log(LogCommand::Verify { data, skip_signatures }) => {
            log::verify(&data, !skip_signatures, output)
        }
        Command::Backup(args) => backup::run(&args, output),
        Command::Restore(args) => restore::restore(&args, output),
        Command::Export { file, data } => export::run(&file, &data, output),
        Command::Import(args) => restore::import(&args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Account(AccountCommand::Show { account, server }) => {
            account::show(&account, &server, output)
        }
        Command::Account(AccountCommand::Deposit { account, quarks, key, server }) => {
            account::deposit(&account, quarks, key, &server, output)
        }
        Command::Account(AccountCommand::Withdraw(args)) => withdraw::run(&args, output),
    }
}

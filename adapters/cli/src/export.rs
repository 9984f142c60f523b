//! `quittance export`: a log as one portable file.

use std::path::Path;

use quittance_core::ids::Position;
use quittance_log_file::{Export, FileError, Trailer};

use crate::error::CliError;
use crate::log;
use crate::output::Output;
use crate::source::Source;

pub(crate) fn run(file: &Path, data: &Path, output: &Output) -> Result<(), CliError> {
    if file.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: file.display().to_string() }.into());
    }
    let source = Source::open(data, Position(1))?;
    let (node, end) = (source.node(), source.end());
    if end == Position::START {
        return Err(CliError::misuse(format!("the log in {} has no record yet", data.display()))
            .hint("the same command once the node has started"));
    }
    let mut export = Export::create(file, node)?;
    let mut progress = output.progress("writing");
    for frame in source.frames() {
        export.append(&frame?)?;
        progress.at(export.tip().position, Some(end));
    }
    drop(progress);
    let mut progress = output.progress("verifying");
    let verified = log::check(&export.written()?, false, |_, record| {
        progress.at(record.position, Some(end));
        Ok(())
    })?;
    drop(progress);
    export.finish(&Trailer::new(&verified.tip, verified.digest))?;
    let mut json = verified.summary();
    json["node"] = node.to_string().into();
    output.result(&json, || {
        let (path, last, sums) = (file.display(), verified.tip.position, verified.sums());
        format!("ok: {path} holds the log up to position {last}\n  node   {node}\n{sums}")
    });
    Ok(())
}

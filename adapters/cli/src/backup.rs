//! `quittance backup`: what is new in a log, into a backup that grows.

use std::path::Path;

use ed25519_dalek::SigningKey;
use quittance_code_api::server::ENTRIES_A_LINK;
use quittance_core::ids::{NodeId, Position};
use quittance_log_file::{Backup, Trailer};

use crate::args::BackupArgs;
use crate::error::CliError;
use crate::keys;
use crate::log;
use crate::node::KEY_FILE;
use crate::output::Output;
use crate::source::Source;

pub(crate) fn run(args: &BackupArgs, output: &Output) -> Result<(), CliError> {
    let BackupArgs { dir, data, with_key } = args;
    if !cfg!(unix) {
        return Err(CliError::misuse(
            "backup asks the node through a Unix domain socket, which this system does not have",
        )
        .hint("stop the node, then: quittance export FILE --data DATA"));
    }
    // Before anything is made: a wrong path shall leave nothing.
    log::must_be_in(data)?;
    let mut backup = Backup::open(dir)?;
    if let Some(left) = backup.leftover() {
        output.note(&format!(
            "the run before this one did not finish: going on from position {}, {} bytes behind it were cut off",
            left.position, left.torn_bytes
        ));
    }
    let before = backup.tip().position;
    let source = Source::open(data, before)?;
    let (node, end) = (source.node(), source.end());
    if end == Position::START {
        return Err(CliError::misuse(format!("the log in {} has no record yet", data.display()))
            .hint("the same command once the node has started"));
    }
    let key = dir.join(KEY_FILE);
    let secret = if *with_key { key_for(data, &key, node)? } else { None };
    backup.begin(node)?;
    let mut progress = output.progress("copying");
    for frame in source.frames() {
        backup.take(&frame?)?;
        progress.at(backup.tip().position, Some(end));
    }
    drop(progress);
    let mut progress = output.progress("verifying");
    let verified = log::check(&backup.taken()?, false, |_, record| {
        progress.at(record.position, Some(end));
        Ok(())
    })?;
    drop(progress);
    let mut beside = backup.beside()?;
    Source::beside(data, |entry| Ok(beside.put(&entry.key, &entry.value)?))?;
    let links = beside.finish()? / ENTRIES_A_LINK;
    backup.vouch(&Trailer::new(&verified.tip, verified.digest))?;
    if let Some(secret) = secret {
        keys::write(&secret, &key)?;
    }
    let (last, new) = (verified.tip.position, verified.tip.position.0 - before.0);
    let mut json = verified.summary();
    json["node"] = node.to_string().into();
    json["new_records"] = new.into();
    json["links"] = links.into();
    json["key"] = key.exists().into();
    output.result(&json, || {
        let kept = match key.exists() {
            true => format!("in {}: whoever reads it can act as the node", key.display()),
            false => format!(
                "not in the backup, and no node runs without it: keep {}",
                data.join(KEY_FILE).display()
            ),
        };
        format!(
            "ok: {} reaches position {last}, {new} new records\n  node   {node}\n{}\n  links  {links}\n  key    {kept}",
            dir.display(),
            verified.sums()
        )
    });
    Ok(())
}

/// The node's key, if the backup does not have it yet.
fn key_for(data: &Path, copy: &Path, node: NodeId) -> Result<Option<SigningKey>, CliError> {
    let path = if copy.exists() { copy } else { &data.join(KEY_FILE) };
    let key = keys::read_of(path, node)?;
    Ok((path != copy).then_some(key))
}

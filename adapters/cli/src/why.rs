//! `quittance why`: how an intent came to be where it is.

use std::path::Path;

use quittance_core::event::Record;
use quittance_core::ids::IntentId;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_http_api::document::why::{self, MAX_RECORDS, Step};
use quittance_runtime::log::EventLog;
use quittance_runtime::replay;

use crate::args::WhyArgs;
use crate::client::{Client, block_on};
use crate::error::{CliError, Kind};
use crate::log;
use crate::output::Output;

pub(crate) fn run(args: &WhyArgs, output: &Output) -> Result<(), CliError> {
    let id: IntentId = args.id.parse().map_err(CliError::misuse)?;
    let steps = match (&args.from.data, &args.from.server) {
        (Some(data), _) => recorded(&id, data)?,
        (None, Some(server)) => block_on(Client::new(server)?.why(&id))?,
        (None, None) => {
            let hint = "quittance why ID --data ./data";
            return Err(CliError::misuse("neither --data nor --server is given").hint(hint));
        }
    };
    output.result(&serde_json::json!(steps), || why::text(&id.to_string(), &steps));
    Ok(())
}

/// From the log of a node that is not running.
fn recorded(id: &IntentId, data: &Path) -> Result<Vec<Step>, CliError> {
    let log = log::open(data)?;
    let mut records: Vec<Record> = Vec::new();
    replay::<CliError>(&*log.reader(), |_, record| {
        if record.subject.is_some_and(|subject| subject.intent == *id) {
            if records.len() >= MAX_RECORDS {
                let message =
                    format!("{id} has more than {MAX_RECORDS} records, which is more than is explained");
                return Err(CliError::new(Kind::Refused, message).hint("quittance log dump --data DIR"));
            }
            records.push(record.clone());
        }
        Ok(())
    })?;
    if records.is_empty() {
        let unknown = Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", id);
        return Err(CliError::new(Kind::Refused, unknown));
    }
    Ok(why::steps(&records))
}

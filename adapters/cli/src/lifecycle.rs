//! `quittance lifecycle`: the table that the engine decides by, printed.

use quittance_core::event::EventKind;
use quittance_core::lifecycle::{self, CommandKind, Edge, Outcome, edge};
use quittance_core::state::Status;
use serde_json::{Value, json};

use crate::args::LifecycleFormat;
use crate::error::CliError;
use crate::output::Output;

/// What most events are about, left out where the reader needs no reminder.
const PREFIX: &str = "payment_intent.";

pub(crate) fn run(format: LifecycleFormat, output: &Output) -> Result<(), CliError> {
    let json = json();
    output.result(&json, || match format {
        LifecycleFormat::Table => table(),
        LifecycleFormat::Mermaid => lifecycle::mermaid(),
        LifecycleFormat::Json => json.to_string(),
    });
    Ok(())
}

/// Every state that an intent can be in, the one before its creation first.
fn states() -> impl Iterator<Item = Option<Status>> {
    [None].into_iter().chain(Status::ALL.map(Some))
}

fn json() -> Value {
    let name = |status: Option<Status>| status.map(Status::name);
    let names = |events: &[EventKind]| events.iter().map(|event| event.name()).collect::<Vec<_>>();
    let command = |from: Option<Status>, command: CommandKind| {
        let Edge { repeats, outcome } = edge(from, command);
        let (outcomes, refused, recorded) = match outcome {
            Outcome::Decided(outcomes) => {
                (outcomes.iter().map(|events| names(events)).collect(), None, vec![])
            }
            Outcome::Refused(code, recorded) => (vec![], Some(code.name()), names(recorded)),
            Outcome::Nothing => (vec![], None, vec![]),
        };
        json!({
            "from": name(from),
            "command": command.name(),
            "repeats": repeats,
            "outcomes": outcomes,
            "refused": refused,
            "recorded": recorded,
        })
    };
    let commands = states().flat_map(|from| CommandKind::ALL.map(move |kind| command(from, kind)));
    let steps = lifecycle::steps().into_iter().flat_map(|((from, to), events)| {
        events
            .into_iter()
            .map(move |event| json!({ "from": name(from), "to": to.name(), "event": event.name() }))
    });
    json!({
        "states": Status::ALL.map(Status::name),
        "commands": commands.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn table() -> String {
    let mut lines = vec![
        format!("Events in the order they are recorded, without \"{PREFIX}\"; -> is the state they leave."),
        "Whatever is decided can also be refused by a rule, which leaves no trace.".to_owned(),
        String::new(),
        row("STATE", "COMMAND", "OUTCOME"),
    ];
    for from in states() {
        lines.push(String::new());
        let mut state = from.map_or("-", Status::name);
        for command in CommandKind::ALL {
            let mut name = command.name();
            for outcome in outcomes(from, edge(from, command)) {
                lines.push(row(state, name, &outcome));
                (state, name) = ("", "");
            }
        }
    }
    lines.join("\n")
}

fn row(state: &str, command: &str, outcome: &str) -> String {
    format!("{state:<9}  {command:<17}  {outcome}")
}

/// What a command can come to, a line each.
fn outcomes(from: Option<Status>, Edge { repeats, outcome }: Edge) -> Vec<String> {
    let mut lines = Vec::new();
    if repeats {
        lines.push("the first answer, if it repeats a request that was carried out".to_owned());
    }
    match outcome {
        Outcome::Decided(outcomes @ [_, ..]) => {
            lines.extend(outcomes.iter().map(|events| format!("{}{}", listed(events), leaves(from, events))));
        }
        // Which rule refuses depends on what the intent asks for.
        Outcome::Decided([]) => lines.push("refused by a rule".to_owned()),
        Outcome::Refused(code, []) => lines.push(format!("refused: {}", code.name())),
        Outcome::Refused(code, recorded) => {
            lines.push(format!("refused: {}; on record as {}", code.name(), listed(recorded)));
        }
        Outcome::Nothing if repeats => lines.push("otherwise nothing".to_owned()),
        Outcome::Nothing => lines.push("nothing".to_owned()),
    }
    lines
}

fn listed(events: &[EventKind]) -> String {
    let names = events.iter().map(|event| event.name());
    names.map(|name| name.strip_prefix(PREFIX).unwrap_or(name)).collect::<Vec<_>>().join(", ")
}

/// The state that the events leave, where it is another.
fn leaves(from: Option<Status>, events: &[EventKind]) -> String {
    let to = events.iter().fold(from, |status, event| lifecycle::step(status, *event));
    to.filter(|to| from != Some(*to)).map_or(String::new(), |to| format!(" -> {}", to.name()))
}

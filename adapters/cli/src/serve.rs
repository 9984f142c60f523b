//! `quittance serve`.

use std::io::IsTerminal;
use std::time::Duration;

use crate::args::ServeArgs;
use crate::config;
use crate::error::{CliError, Kind};
use crate::node::{Node, NodeOptions};
use crate::output::Output;

/// How often a running node looks whether its engine still acknowledges.
const WATCH: Duration = Duration::from_millis(250);

pub(crate) fn run(args: ServeArgs, output: &Output) -> Result<(), CliError> {
    log_to_stderr();
    let options = config::load(args)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::failed)?;
    runtime.block_on(serve(options, output))
}

async fn serve(options: NodeOptions, output: &Output) -> Result<(), CliError> {
    let (dev, data) = (options.is_dev(), options.data().display().to_string());
    if dev {
        tracing::warn!("--dev: anybody can deposit and name any destination. Never use this for real money");
    }
    let node = Node::start(options).await?;
    let url = node.url();
    output.result(&serde_json::json!({ "listening": url }), || {
        let engine = node.engine();
        format!(
            "listening on {url}\n  data {data}\n  node {}\n  log  at position {}",
            engine.node(),
            engine.durable()
        )
    });
    let ended = until_told(&node).await;
    let stopped = node.stop().await;
    ended?;
    let tip = stopped?;
    tracing::info!(position = tip.position.0, "stopped; the log is in order");
    Ok(())
}

/// Waits for Ctrl-C or a termination signal, or for the engine to fail.
pub(crate) async fn until_told(node: &Node) -> Result<(), CliError> {
    let failed = async {
        let mut watch = tokio::time::interval(WATCH);
        loop {
            watch.tick().await;
            if let Some(fault) = node.fault() {
                return fault;
            }
        }
    };
    tokio::select! {
        told = stop_signal() => told.map_err(CliError::failed),
        fault = failed => Err(CliError::new(Kind::Failed, format!("the node stopped: {fault}"))
            .hint("see to the disk, then start the node again: it goes on from what is in the log")),
    }
}

#[cfg(unix)]
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        told = tokio::signal::ctrl_c() => told,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("QUITTANCE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr);
    // Somebody who embeds the command may have installed one; theirs stays.
    let _ = subscriber.try_init();
}

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
    log_to_stderr("info");
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
    // Before anybody is told where it listens: from then on somebody may ask it to stop.
    let stop = StopSignal::catch()?;
    let url = node.url();
    output.result(&serde_json::json!({ "listening": url }), || {
        let engine = node.engine();
        format!(
            "listening on {url}\n  data {data}\n  node {}\n  log  at position {}",
            engine.node(),
            engine.durable()
        )
    });
    let ended = until_told(&node, stop).await;
    let stopped = node.stop().await;
    ended?;
    let tip = stopped?;
    tracing::info!(position = tip.position.0, "stopped; the log is in order");
    Ok(())
}

/// Waits for Ctrl-C or a termination signal, or for the engine to fail.
pub(crate) async fn until_told(node: &Node, stop: StopSignal) -> Result<(), CliError> {
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
        told = stop.told() => told.map_err(CliError::failed),
        fault = failed => Err(CliError::new(Kind::Failed, format!("the node stopped: {fault}"))
            .hint("see to the disk, then start the node again: it goes on from what is in the log")),
    }
}

/// Ctrl-C or a termination signal. Once this exists, neither ends the process by itself.
#[cfg(unix)]
pub(crate) struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    pub(crate) fn catch() -> Result<Self, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt()).map_err(CliError::failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(CliError::failed)?;
        Ok(Self { interrupt, terminate })
    }

    pub(crate) async fn told(mut self) -> std::io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct StopSignal;

#[cfg(not(unix))]
impl StopSignal {
    pub(crate) fn catch() -> Result<Self, CliError> {
        Ok(Self)
    }

    pub(crate) async fn told(self) -> std::io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

/// From this level on, unless `QUITTANCE_LOG` says otherwise.
pub(crate) fn log_to_stderr(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("QUITTANCE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let colour = std::io::stderr().is_terminal();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr);
    // Somebody who embeds the command may have installed one; theirs stays.
    let _ = subscriber.try_init();
}

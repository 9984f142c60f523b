//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use quittance_bench::Group;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed: the machine, or a bug
  2  misuse: the command line, a file, a key or the clock is not what it should be
  3  refused by the rules; the message names the rule
  4  the server does not answer, not in time, or says that it cannot for now
  5  the log does not verify

Start here:
  quittance demo            a whole payment, step by step, on this machine
  quittance demo --serve    the same, then a server to point an SDK at";

/// A payment-intent sequencer you run yourself.
#[derive(Debug, Parser)]
#[command(name = "quittance", bin_name = "quittance", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Args {
    /// Print JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a sequencer.
    #[command(after_help = "Example:\n  quittance serve --data ./data --listen 127.0.0.1:8080 --dev")]
    Serve(ServeArgs),
    /// Show a whole payment on this machine, step by step.
    #[command(after_help = "Example:\n  quittance demo\n  quittance demo --serve --listen 127.0.0.1:8080")]
    Demo(DemoArgs),
    /// Make and look at key files.
    #[command(subcommand, after_help = "Example:\n  quittance keys new --out payer.key")]
    Keys(KeysCommand),
    /// Pay an intent, as a payer's app does.
    #[command(
        after_help = "Example:\n  quittance pay ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --client-secret FsYSp6vzXqowdz1 \\\n      --key payer.key --server http://127.0.0.1:8080"
    )]
    Pay(PayArgs),
    /// Log in at a site that asks who you are, as a payer's app does.
    #[command(
        after_help = "Example:\n  quittance login 2an6f8cXovGzMfiZm7EHs67YEUYKJdnmUwnvjQDPr7xs --client-secret cnuEvsHNax8Aoad \\\n      --key payer.key --server http://127.0.0.1:8080\n\nEach site gets an account of its own, made from the key: no two sites can tell that they have the same user."
    )]
    Login(LoginArgs),
    /// Draw what a payer's phone reads: the code of a request, or a QR code of a link to it.
    #[command(
        after_help = "Example:\n  quittance code 3XsYgDy2tKkdhsNK7ZVJTdxvFpp7aDhVSYZB92mVaKHP --client-secret 5EBYk1KVchHMGAm \\\n      --amount 0.25 --currency usd --svg > code.svg\n  quittance code ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --qr --link https://shop.example/pay/7\n\nAn id does not tell its code: that takes the client secret, which the merchant has, and the price, which is taken from the\nsequencer if it is not given."
    )]
    Code(CodeArgs),
    /// Show an intent.
    #[command(
        after_help = "Example:\n  quittance show ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --server http://127.0.0.1:8080"
    )]
    Show(ShowArgs),
    /// Say step by step how an intent came to be where it is.
    #[command(
        after_help = "Example:\n  quittance why ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --server http://127.0.0.1:8080\n  quittance why ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --data ./data"
    )]
    Why(WhyArgs),
    /// Give back what was paid, or part of it, as the merchant.
    #[command(
        after_help = "Example:\n  quittance refund ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh --quarks 5000000 --refund-key \"return 7\" \\\n      --key merchant.key --server http://127.0.0.1:8080"
    )]
    Refund(RefundArgs),
    /// Look at the webhooks of a running node, give one up or order it again.
    #[cfg(unix)]
    #[command(subcommand, after_help = "Example:\n  quittance webhook list --data ./data")]
    Webhook(crate::webhook::WebhookCommand),
    /// Watch what a running node is doing.
    #[cfg(unix)]
    #[command(
        after_help = "Example:\n  quittance top --data ./data\n  quittance top --data ./data --every 10 --json"
    )]
    Top(crate::top::TopArgs),
    /// Print the table of what every command does to an intent in every state.
    #[command(after_help = "Example:\n  quittance lifecycle --format mermaid")]
    Lifecycle {
        /// How to print it; --json means json.
        #[arg(long, value_enum, default_value_t)]
        format: LifecycleFormat,
    },
    /// Read and check the log of a node that is not running.
    #[command(subcommand, after_help = "Example:\n  quittance log verify --data ./data")]
    Log(LogCommand),
    /// Copy what is new in a node's log, running or not, into a backup.
    #[command(
        after_help = "Example:\n  quittance backup /mnt/safe/node --data ./data          once a minute, say\n  quittance backup /mnt/safe/node --data ./data --with-key"
    )]
    Backup(BackupArgs),
    /// Make a node's directory from a backup.
    #[command(
        after_help = "Example:\n  quittance restore /mnt/safe/node --data ./data --key node.key\n\nNever run two nodes with one key: they would write two histories, of which one is lost."
    )]
    Restore(RestoreArgs),
    /// Write a node's log, running or not, to one portable file.
    #[command(after_help = "Example:\n  quittance export log.quittance --data ./data")]
    Export {
        /// The file; must not exist.
        file: PathBuf,
        /// The node's directory.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
    },
    /// Make a node's directory from a file that `export` wrote.
    #[command(after_help = "Example:\n  quittance import log.quittance --data ./copy")]
    Import(ImportArgs),
    /// Measure the engine, and on the same machine what bounds it.
    #[command(
        after_help = "Example:\n  quittance bench --quick\n  quittance bench --data /var/lib/quittance --only lifecycles,latency --json"
    )]
    Bench(BenchArgs),
    /// Look at accounts and fill them.
    #[command(
        subcommand,
        after_help = "Example:\n  quittance account show E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR --server http://127.0.0.1:8080"
    )]
    Account(AccountCommand),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// A TOML file with any of these settings; flags and environment win over it.
    #[arg(long, env = "QUITTANCE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The node's directory: its key, its log. Made if it does not exist.
    #[arg(long, env = "QUITTANCE_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "QUITTANCE_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// For trying things out: any destination, deposits by anybody, a table of exchange rates. Never for real money.
    #[arg(long, env = "QUITTANCE_DEV", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) dev: Option<bool>,
    /// Replay the whole log and make the archive and the snapshot anew, instead of starting from the last snapshot.
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Go on from the time of the log's last record, though it is more than a day ahead of this machine's clock.
    #[arg(long)]
    pub(crate) accept_time: bool,
    /// Keep a snapshot after this many records: fewer make a restart shorter and writes more [default: 400000].
    #[arg(long, env = "QUITTANCE_SNAPSHOT_EVERY", value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) snapshot_every: Option<u64>,
    /// MiB of the disk to leave free: with less, the node takes no writes until there is room again [default: 64].
    #[arg(long, env = "QUITTANCE_DISK_RESERVE_MB", value_name = "MIB")]
    pub(crate) disk_reserve_mb: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Keep the server up afterwards and say how to point an SDK at it.
    #[arg(long)]
    pub(crate) serve: bool,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Where `@code-wallet/elements` is installed: the shop's pay buttons are then the official ones.
    #[arg(long, value_name = "node_modules/@code-wallet/elements", requires = "serve")]
    pub(crate) elements: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key pair and write it to a file that only you can read.
    #[command(after_help = "Example:\n  quittance keys new --out payer.key")]
    New {
        /// The file; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show the public key in a file.
    #[command(
        after_help = "Example:\n  quittance keys show payer.key --json\n  quittance keys show ./data/node.key --jwks"
    )]
    Show {
        /// The file.
        file: PathBuf,
        /// As a JSON Web Key Set, which is how a node publishes the key that its webhooks verify with.
        #[arg(long)]
        jwks: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PayArgs {
    /// The intent id (base58), or the code: its 20-byte payload or 35 drawn bytes in hex.
    #[arg(value_name = "ID|CODE")]
    pub(crate) intent: String,
    /// The client secret, from which the code is rebuilt and checked against the terms.
    #[arg(long)]
    pub(crate) client_secret: Option<String>,
    /// The payer's key file.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The sequencer.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: String,
    /// Sign nothing that takes more than this many quarks. Without it the sequencer's exchange rate is taken as it comes.
    #[arg(long)]
    pub(crate) max_quarks: Option<u64>,
    /// Sign nothing for another sequencer than the one with this public key.
    #[arg(long)]
    pub(crate) node: Option<String>,
    /// Pay the way the official app does: over gRPC, with one signed transaction for each transfer. Needs the code, or the client
    /// secret, and a request made with an official SDK.
    #[arg(long)]
    pub(crate) grpc: bool,
    /// How long to wait for the confirmation, in seconds. A payment that is scheduled but not yet confirmed is a success too.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) wait: u64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LoginArgs {
    /// The intent id (base58), or the code: its 20-byte payload or 35 drawn bytes in hex.
    #[arg(value_name = "ID|CODE")]
    pub(crate) intent: String,
    /// The client secret, from which the code is rebuilt.
    #[arg(long)]
    pub(crate) client_secret: Option<String>,
    /// The payer's key file.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The sequencer.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: String,
    /// Log in nowhere but at this site.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Sign nothing for another sequencer than the one with this public key.
    #[arg(long)]
    pub(crate) node: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CodeArgs {
    /// The intent id (base58); or the code: its 20-byte payload or 35 drawn bytes, of which six may be wrong, in hex; or a
    /// page's options: what stands behind `p=` in its address.
    #[arg(value_name = "ID|CODE|OPTIONS")]
    pub(crate) intent: String,
    /// The client secret, from which the code is rebuilt and checked against the id.
    #[arg(long)]
    pub(crate) client_secret: Option<String>,
    /// The price, such as 0.25. Without it the code is that of the terms at --server, or that of a login.
    #[arg(long, requires = "currency", requires = "client_secret")]
    pub(crate) amount: Option<f64>,
    /// The price's currency, three letters.
    #[arg(long, requires = "amount")]
    pub(crate) currency: Option<String>,
    /// The sequencer that has the terms.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: Option<String>,
    /// Print a picture, for a page.
    #[arg(long, conflicts_with = "terminal")]
    pub(crate) svg: bool,
    /// Print block characters [default].
    #[arg(long)]
    pub(crate) terminal: bool,
    /// Draw a QR code of a link instead: for intents that have no code of the official protocol.
    #[arg(long)]
    pub(crate) qr: bool,
    /// The link; the intent's page at the sequencer when absent, with the client secret if one is given.
    #[arg(long, requires = "qr")]
    pub(crate) link: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The intent id, base58.
    pub(crate) id: String,
    /// The sequencer.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// The intent id, base58.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) from: WhyFrom,
}

/// Where the records are read.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct WhyFrom {
    /// The directory of a node that is not running.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// The sequencer.
    #[arg(long)]
    pub(crate) server: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RefundArgs {
    /// The intent id, base58.
    pub(crate) id: String,
    /// How many quarks go back; all that is left of the payment when absent.
    #[arg(long)]
    pub(crate) quarks: Option<u64>,
    /// Makes it happen once; made up when absent. Give your own to be able to ask again after a failure.
    #[arg(long)]
    pub(crate) refund_key: Option<String>,
    /// The merchant's key file: the key of the account that was paid.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The sequencer.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: String,
    /// How long to wait for the rail, in seconds. A refund that is ordered but not yet settled is a success too.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) wait: u64,
}

/// How the lifecycle is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LifecycleFormat {
    /// For people.
    #[default]
    Table,
    /// A diagram of the states, for Mermaid.
    Mermaid,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print every record, in order.
    #[command(after_help = "Example:\n  quittance log dump --data ./data --json | head")]
    Dump {
        /// The node's directory.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
        /// The first position to print.
        #[arg(long, default_value_t = 1)]
        from: u64,
    },
    /// Check every frame, link, record, signature and invariant, and print the digest of the state.
    #[command(after_help = "Example:\n  quittance log verify --data ./data --json")]
    Verify {
        /// The node's directory.
        #[arg(long, env = "QUITTANCE_DATA")]
        data: PathBuf,
        /// Do not check the signatures again, which takes most of the time.
        #[arg(long)]
        skip_signatures: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BackupArgs {
    /// The backup's directory: missing, empty, or an earlier backup of the same node, which is continued.
    pub(crate) dir: PathBuf,
    /// The node's directory.
    #[arg(long, env = "QUITTANCE_DATA")]
    pub(crate) data: PathBuf,
    /// Copy the node's secret key into the backup too. Whoever reads it there can act as the node.
    #[arg(long)]
    pub(crate) with_key: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// The backup's directory.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) into: IntoArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// The file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) into: IntoArgs,
}

/// Where a node's directory is made.
#[derive(Debug, ClapArgs)]
pub(crate) struct IntoArgs {
    /// The new node's directory; must be missing or empty.
    #[arg(long, env = "QUITTANCE_DATA")]
    pub(crate) data: PathBuf,
    /// The node's key file. Without it, and without one in the backup, the log can be read but no node can run on it.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchArgs {
    /// A directory on the disk to measure. What is written there is in a directory of its own, which is removed at the end.
    #[arg(long, default_value = ".")]
    pub(crate) data: PathBuf,
    /// Take a few seconds in all instead of a few minutes; the figures are rough.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often to repeat each measurement; the figure is the median. 5 when absent, 2 with --quick.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=quittance_bench::MAX_RUNS as i64))]
    pub(crate) runs: Option<u16>,
    /// Take only these measurements.
    #[arg(long, value_delimiter = ',', value_parser = groups())]
    pub(crate) only: Vec<Group>,
    /// How many intents to keep open while memory is measured: 20000 when absent, 1000 with --quick. A million takes some
    /// minutes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=quittance_bench::MAX_OPEN))]
    pub(crate) open: Option<u64>,
    /// How many intents have ended when their cost is measured: 40000 when absent, 1000 with --quick. Ten million take some
    /// eight minutes and 20 GB of disk.
    #[arg(long, value_parser = clap::value_parser!(u64).range(10..=quittance_bench::MAX_SETTLED))]
    pub(crate) settled: Option<u64>,
}

fn groups() -> impl TypedValueParser<Value = Group> {
    PossibleValuesParser::new(Group::ALL.map(Group::name)).try_map(|name| name.parse::<Group>())
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Show what an account holds.
    #[command(
        after_help = "Example:\n  quittance account show E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR --server http://127.0.0.1:8080"
    )]
    Show {
        /// The account, base58.
        account: String,
        /// The sequencer.
        #[arg(long, env = "QUITTANCE_SERVER")]
        server: String,
    },
    /// Put quarks into an account of a --dev node. 100 000 quarks are one kin.
    #[command(
        after_help = "Example:\n  quittance account deposit E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR 5000000000 --server http://127.0.0.1:8080"
    )]
    Deposit {
        /// The account, base58.
        account: String,
        /// How many quarks.
        quarks: u64,
        /// Makes it happen once; made up when absent. Give your own to be able to ask again after a failure.
        #[arg(long)]
        key: Option<String>,
        /// The sequencer.
        #[arg(long, env = "QUITTANCE_SERVER")]
        server: String,
    },
    /// Take quarks out of an account, as its owner. Whoever operates the node pays them out.
    #[command(
        after_help = "Example:\n  quittance account withdraw 5000000000 --to \"IBAN DE89 3704 0044 0532 0130 00\" \\\n      --key owner.key --server http://127.0.0.1:8080"
    )]
    Withdraw(WithdrawArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WithdrawArgs {
    /// How many quarks.
    pub(crate) quarks: u64,
    /// Where they go, in words that the node's operator understands; at most 128 bytes.
    #[arg(long)]
    pub(crate) to: String,
    /// Makes it happen once; made up when absent. Give your own to be able to ask again after a failure.
    #[arg(long)]
    pub(crate) withdrawal_key: Option<String>,
    /// The owner's key file.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The sequencer.
    #[arg(long, env = "QUITTANCE_SERVER")]
    pub(crate) server: String,
    /// How long to wait for the rail, in seconds. A withdrawal that is ordered but not yet settled is a success too.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) wait: u64,
}

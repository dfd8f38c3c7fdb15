//! The arguments of each command.

use std::ffi::OsString;
use std::path::PathBuf;

use batchpost::ledger::Decision;
use batchpost::limit::Limit;
use batchpost::outcome::Outcome;
use batchpost::settings::OnChanged;
use batchpost_sandbox::FaultRule;
use clap::{Args as Group, Subcommand};

use super::choices::{one_of, word};
use super::groups::{Budget, Input, Network, OtherLedgers, Posting, ReadingArgs, TargetArgs, ThisTime, Watching};
use super::values::{FaultParser, Latency, LimitArg, RowRange, faults, row, state, ticket};

#[derive(Debug, Group)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Post rows of standard input as they arrive, without asking; each is compared with other ledgers on arrival
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) posting: Posting,
    #[command(flatten)]
    pub(crate) budget: Budget,
    #[command(flatten)]
    pub(crate) this_time: ThisTime,
    #[command(flatten)]
    pub(crate) known: OtherLedgers,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

#[derive(Debug, Group)]
pub(crate) struct Resume {
    /// The ledger to continue
    pub(crate) ledger: PathBuf,
    /// Path of the input, if it has moved
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) budget: Budget,
    #[command(flatten)]
    pub(crate) this_time: ThisTime,
    #[command(flatten)]
    pub(crate) known: OtherLedgers,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) watching: Watching,
}

#[derive(Debug, Group)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) known: OtherLedgers,
    /// New row whose ticket has a posted note that is no longer in the input: hold it or post it
    #[arg(long, value_parser = one_of::<OnChanged>(), default_value = word(OnChanged::default()))]
    pub(crate) changed: OnChanged,
    #[command(flatten)]
    pub(crate) posting: Posting,
    #[command(flatten)]
    pub(crate) budget: Budget,
}

#[derive(Debug, Group)]
pub(crate) struct Status {
    /// The ledger
    pub(crate) ledger: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Show {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Only the row with this number
    #[arg(long, value_name = "N", value_parser = row)]
    pub(crate) row: Option<u64>,
    /// Only rows of this ticket
    #[arg(long, value_name = "ID", value_parser = ticket)]
    pub(crate) ticket: Option<u64>,
    /// Only rows in this state
    #[arg(long, value_parser = state())]
    pub(crate) state: Option<Outcome>,
}

#[derive(Debug, Group)]
pub(crate) struct Export {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Rows in this state; repeatable
    #[arg(long = "state", value_delimiter = ',', value_parser = state(), default_values = ["rejected", "failed", "invalid"])]
    pub(crate) states: Vec<Outcome>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE.csv")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["rows", "state", "from"]))]
#[command(group = clap::ArgGroup::new("what").required(true).args(["decision", "undo", "from"]))]
pub(crate) struct Settle {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Row numbers, like 4,11-13
    #[arg(long, value_name = "N,N-N", value_delimiter = ',')]
    pub(crate) rows: Vec<RowRange>,
    /// All rows in this state
    #[arg(long, value_parser = state())]
    pub(crate) state: Option<Outcome>,
    /// Take rows and decisions from an export whose `decision` column is filled in
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) from: Option<PathBuf>,
    /// Decision for these rows
    #[arg(long = "as", value_parser = one_of::<Decision>(), value_name = "DECISION", id = "decision")]
    pub(crate) decision: Option<Decision>,
    /// Undo the last decision if the row was not sent since; repeat to undo earlier ones
    #[arg(long)]
    pub(crate) undo: bool,
    /// Reason, recorded in the ledger
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Group)]
pub(crate) struct KnownArgs {
    /// State folder [default: the shared one if it is writable, else this user's own]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// State folder shared by a group of users [default: /var/lib/batchpost]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) shared_state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: KnownCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KnownCommand {
    /// List the ledgers, by account
    List,
    /// Remove ledgers from the list: rows recorded only there can be posted again
    Forget {
        /// The ledgers, by path or id
        #[arg(required = true, value_name = "LEDGER")]
        ledgers: Vec<String>,
    },
    /// Add ledgers from other folders or machines
    Add {
        /// The ledgers
        #[arg(required = true, value_name = "LEDGER")]
        ledgers: Vec<PathBuf>,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Audit {
    /// The ledger
    pub(crate) ledger: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct ReportArgs {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Write to this file, or to standard output with - [default: LEDGER.report.html, beside the ledger]
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file that is not a report
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Salvage {
    /// The damaged ledger; it is not changed
    pub(crate) ledger: PathBuf,
    /// The new ledger
    #[arg(short, long, value_name = "NEW")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Doctor {
    /// The input to post, or the ledger of the batch to continue
    #[arg(value_name = "INPUT or LEDGER")]
    pub(crate) file: Option<PathBuf>,
    /// Sheet that the run would read; it is part of the default ledger's name
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Ledger that the run would write [default: INPUT.ledger.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) budget: Budget,
    /// Limit of the account whose use is shown; repeatable
    #[arg(long = "limit", value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limits: Vec<LimitArg>,
}

#[derive(Debug, Group)]
pub(crate) struct Sandbox {
    /// Port to listen on, on the loopback interface; 0 takes a free port
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Limit that the sandbox enforces, or `none`
    #[arg(long, value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limit: LimitArg,
    /// Count in fixed windows instead of a sliding window
    #[arg(long)]
    pub(crate) fixed: bool,
    /// Count refused requests against the limit too
    #[arg(long)]
    pub(crate) refused_count: bool,
    /// Average rate of simulated calls by other clients, which count against the limit
    #[arg(long, value_name = "N/TIME")]
    pub(crate) strangers: Option<Limit>,
    /// Time that a request takes: TIME, or a range FROM..TO
    #[arg(long, value_name = "TIME", default_value = "20ms..120ms")]
    pub(crate) latency: Latency,
    /// Inject a fault: KIND=PROBABILITY, KIND@N,N (the Nth request) or KIND@ticket:ID; repeatable
    #[arg(long = "fault", value_name = "FAULT", value_parser = FaultParser, hide_possible_values = true, long_help = faults())]
    pub(crate) faults: Vec<FaultRule>,
    /// Seed for all random choices
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Init {
    /// The spreadsheet to derive settings from
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// The file to write
    #[arg(short, long, value_name = "FILE.toml", default_value = "batchpost.toml")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct ShowConfig {
    /// Command line to show the settings for [default: `run`]
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) line: Vec<OsString>,
}

#[derive(Debug, Group)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Group)]
pub(crate) struct Man {
    /// Write one page for each command into this folder: batchpost.1, batchpost-run.1 and so on
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

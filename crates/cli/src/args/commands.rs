//! What each command is asked, by its options.

use std::ffi::OsString;
use std::path::PathBuf;

use batchpost::limit::Limit;
use batchpost::outcome::Outcome;
use batchpost_sandbox::FaultRule;
use clap::{Args as Group, Subcommand};

use super::groups::{Budget, Input, Network, OtherLedgers, Posting, ReadingArgs, TargetArgs, ThisTime, Watching};
use super::values::{ChangedArg, DecisionArg, FaultParser, Latency, LimitArg, RowRange, faults, row, state, ticket};

#[derive(Debug, Group)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Post the rows of standard input as they come, for a program that goes on writing them; each is looked up when it
    /// is there, and nobody is asked
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
    /// The input, if it has moved
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
    /// A new row whose ticket has a posted note that is no longer in the input: a run would hold it, or post it
    #[arg(long, value_enum, default_value_t = ChangedArg::Hold)]
    pub(crate) changed: ChangedArg,
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
    /// Only the row of this number
    #[arg(long, value_name = "N", value_parser = row)]
    pub(crate) row: Option<u64>,
    /// Only rows of this ticket
    #[arg(long, value_name = "ID", value_parser = ticket)]
    pub(crate) ticket: Option<u64>,
    /// Only rows that stand so
    #[arg(long, value_parser = state())]
    pub(crate) state: Option<Outcome>,
}

#[derive(Debug, Group)]
pub(crate) struct Export {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Rows that stand so; repeatable
    #[arg(long = "state", value_delimiter = ',', value_parser = state(), default_values = ["rejected", "failed", "invalid"])]
    pub(crate) states: Vec<Outcome>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE.csv")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["rows", "state", "from"]))]
#[command(group = clap::ArgGroup::new("what").required(true).args(["decision", "undo", "from"]))]
pub(crate) struct Settle {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Rows of these numbers: 4,11-13
    #[arg(long, value_name = "N,N-N", value_delimiter = ',')]
    pub(crate) rows: Vec<RowRange>,
    /// All rows that stand so
    #[arg(long, value_parser = state())]
    pub(crate) state: Option<Outcome>,
    /// The rows and decisions of an export whose decision column was filled in
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) from: Option<PathBuf>,
    /// What is decided
    #[arg(long = "as", value_enum, value_name = "DECISION", id = "decision")]
    pub(crate) decision: Option<DecisionArg>,
    /// Take the last decision back, as long as the row was not sent since; again, the one before it
    #[arg(long)]
    pub(crate) undo: bool,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Group)]
pub(crate) struct KnownArgs {
    /// The state folder; by default the shared one where this user may write to it, else this user's own
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The state folder that a group of users shares; by default /var/lib/batchpost
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) shared_state_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: KnownCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KnownCommand {
    /// List the ledgers, by account
    List,
    /// Forget ledgers: rows that only they have as posted or in doubt can be posted again
    Forget {
        /// The ledgers, by path or id
        #[arg(required = true, value_name = "LEDGER")]
        ledgers: Vec<String>,
    },
    /// Add ledgers of other folders or machines
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
    /// Write to this file, or with - to standard output; by default it stands beside the ledger, as LEDGER.report.html
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that is no report
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Salvage {
    /// The damaged ledger; it is left as it is
    pub(crate) ledger: PathBuf,
    /// The ledger to make
    #[arg(short, long, value_name = "NEW")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Doctor {
    /// The input that is to be posted, or the ledger of a batch that is to go on
    #[arg(value_name = "INPUT or LEDGER")]
    pub(crate) file: Option<PathBuf>,
    /// The sheet of a workbook that a run would be asked for: the usual ledger is named after it too
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// The ledger that a run of the input would keep, where it is not the usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) budget: Budget,
    /// A limit of the account, to tell how much of it is used; repeatable
    #[arg(long = "limit", value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limits: Vec<LimitArg>,
}

#[derive(Debug, Group)]
pub(crate) struct Sandbox {
    /// The port to listen on, on this machine only; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// The limit it keeps, or none
    #[arg(long, value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limit: LimitArg,
    /// Count in fixed windows instead of a sliding one
    #[arg(long)]
    pub(crate) fixed: bool,
    /// Count refused requests as well
    #[arg(long)]
    pub(crate) refused_count: bool,
    /// Calls of others at random times that count against the limit, so many in such a time on average
    #[arg(long, value_name = "N/TIME")]
    pub(crate) strangers: Option<Limit>,
    /// How long requests take: TIME, or FROM..TO
    #[arg(long, value_name = "TIME", default_value = "20ms..120ms")]
    pub(crate) latency: Latency,
    /// Make it fail: KIND=PROBABILITY, KIND@N,N (the Nth request) or KIND@ticket:ID; repeatable
    #[arg(long = "fault", value_name = "FAULT", value_parser = FaultParser, hide_possible_values = true, long_help = faults())]
    pub(crate) faults: Vec<FaultRule>,
    /// Seed of all that is left to chance
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Init {
    /// The spreadsheet to look at
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// The file to write
    #[arg(short, long, value_name = "FILE.toml", default_value = "batchpost.toml")]
    pub(crate) output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct ShowConfig {
    /// The command line that it is shown for; by default that of a run
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
    /// Write batchpost.1, batchpost-run.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

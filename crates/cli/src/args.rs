//! The command line, as it is typed. What it means is resolved in `commands`.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use batchpost::fields::FixedField;
use batchpost::input::{ColumnChoice, Delimiter, Encoding, Format, LookupSpec, Template, TicketPattern};
use batchpost::limit::Limit;
use batchpost::outcome::Outcome;
use batchpost::plan::Hours;
use batchpost_sandbox::FaultRule;
use clap::{Args as Group, Parser, Subcommand, ValueEnum};

/// Posts every row of a spreadsheet as an internal note on a ticket: never faster than the account may, never a row
/// lost, never a row twice by its own doing, and able to say afterwards what became of each.
#[derive(Debug, Parser)]
#[command(name = "batchpost", version = crate::VERSION, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) from_file: FromFile,
}

const EXIT_CODES: &str = "\
Exit codes, the first that applies:
  2    usage, configuration or input error; nothing was sent
  3    stopped, a person is needed: credentials, endpoint, refused, ledger, input
  75   stopped, the next run may cure it: outage, limited, ledger in use by another run
  130, 143  interrupted: what was in flight was awaited and recorded
  4    finished or planned stop, and rows are in doubt
  1    finished or planned stop, and rows are rejected, failed, invalid or held
  5    stopped as planned (--first, --no-wait)
  0    every row is posted or skipped";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post what is to do; run again, it continues
    #[command(after_help = "\
Examples:
  batchpost run notes.csv --sandbox
  batchpost run notes.csv --host apigw.service-in.leadsquared.com --tenant 12345 \\
      --column ticket='Ticket ID' --column text='Comment' --first 3
  batchpost run - --format jsonl --ledger notes.ledger.jsonl --url https://... < notes.jsonl

The access keys come from LSQ_ACCESS_KEY and LSQ_SECRET_KEY, from the files that
LSQ_ACCESS_KEY_FILE and LSQ_SECRET_KEY_FILE name, or from where batchpost.toml says; on a
terminal they are asked for. Every option can stand in batchpost.toml, or in the environment
as BATCHPOST_MAX_ATTEMPTS does for --max-attempts.")]
    Run(Run),
    /// Continue a batch from its ledger, with the last run's settings
    #[command(after_help = "\
Examples:
  batchpost resume notes.csv.ledger.jsonl
  batchpost resume notes.csv.ledger.jsonl --in-doubt retry
  batchpost resume notes.csv.ledger.jsonl --input /archive/notes.csv")]
    Resume(Resume),
    /// Read the input through and say what a run would do; sends nothing
    #[command(after_help = "\
Examples:
  batchpost check notes.csv
  batchpost check notes.csv --host apigw.service-in.leadsquared.com --tenant 12345 \\
      --column ticket='Ticket ID' --column text='Comment'
  batchpost check tickets.xlsx --sheet 'March 2026' --header-row 3 --json")]
    Check(Check),
    /// Say where a batch stands
    #[command(after_help = "\
Examples:
  batchpost status notes.csv.ledger.jsonl
  batchpost status notes.csv.ledger.jsonl --json

It exits as the last run left the batch: 0 where every row is posted or skipped.")]
    Status(Status),
    /// Show what became of rows
    #[command(after_help = "\
Examples:
  batchpost show notes.csv.ledger.jsonl --state in_doubt
  batchpost show notes.csv.ledger.jsonl --row 7
  batchpost show notes.csv.ledger.jsonl --ticket 17711 --json")]
    Show(Show),
    /// Write rows as a spreadsheet, with what became of each
    #[command(after_help = "\
Examples:
  batchpost export notes.csv.ledger.jsonl -o not-posted.csv
  batchpost export notes.csv.ledger.jsonl --state in_doubt -o in-doubt.csv

The export has the input's own columns, if the input is still what the last run read, and
outcome, reason, attempts, at, decision and batchpost_key. Fill the decision column in with
posted, to-do or waived, and give the file to `settle --from`.")]
    Export(Export),
    /// Decide about rows: they are posted, to do, or waived
    #[command(after_help = "\
Examples:
  batchpost settle notes.csv.ledger.jsonl --rows 7,12 --as posted --why 'seen in the CRM'
  batchpost settle notes.csv.ledger.jsonl --state in_doubt --as to-do
  batchpost settle notes.csv.ledger.jsonl --from decided.csv
  batchpost settle notes.csv.ledger.jsonl --rows 7 --undo")]
    Settle(Settle),
    /// Prove from the ledger that the limits held and that the sums match
    #[command(after_help = "\
Examples:
  batchpost audit notes.csv.ledger.jsonl
  batchpost audit notes.csv.ledger.jsonl --json

It exits with 0 where all of it is proved, and with 1 where something is not.")]
    Audit(Audit),
    /// Draw a batch as one page of HTML to look at: totals, rates, latencies, pauses, what went wrong
    #[command(after_help = "\
Examples:
  batchpost report notes.csv.ledger.jsonl
  batchpost report notes.csv.ledger.jsonl -o /srv/reports/notes.html")]
    Report(Report),
    /// Make a new ledger of what can be read of a damaged one
    #[command(after_help = "\
Examples:
  batchpost salvage notes.csv.ledger.jsonl -o salvaged.ledger.jsonl
  batchpost resume salvaged.ledger.jsonl")]
    Salvage(Salvage),
    /// Look over what a run would need: settings, keys, network, disk, budget, clock; posts nothing
    ///
    /// Each line says what was found and, where it is not well, what to do. The exit code is 0 if a run would work, and 2
    /// if something stands in its way.
    #[command(after_help = "\
Examples:
  batchpost doctor notes.csv --host apigw.service-in.leadsquared.com --tenant 12345
  batchpost doctor notes.csv.ledger.jsonl")]
    Doctor(Doctor),
    /// Run a stand-in for the API that keeps its limit and tells what it counted
    #[command(after_help = "\
Examples:
  batchpost sandbox --port 8080
  batchpost sandbox --limit 10/5s --fault 500=0.05 --fault reset@7
  batchpost sandbox --strangers 8/5s --latency 100ms..2s

It prints the URL to give to `run --url`, and at its end (Ctrl-C) what it counted.")]
    Sandbox(Sandbox),
    /// Write a commented batchpost.toml, with what a spreadsheet seems to want
    #[command(after_help = "\
Examples:
  batchpost init
  batchpost init notes.xlsx
  batchpost init notes.csv -o acme.toml")]
    Init(Init),
    /// Show what holds, and where each value was said: batchpost.toml, the environment, options
    #[command(after_help = "\
Examples:
  batchpost config
  batchpost config --profile acme
  batchpost config -- run notes.csv --limit 10/5s")]
    Config(Config),
    /// Print what a shell needs to complete this command's options
    #[command(after_help = "\
Examples:
  batchpost completions bash > ~/.local/share/bash-completion/completions/batchpost
  batchpost completions zsh > ~/.zfunc/_batchpost
  batchpost completions fish > ~/.config/fish/completions/batchpost.fish")]
    Completions(Completions),
    /// Print the manual page, or write those of all commands into a folder
    #[command(after_help = "\
Examples:
  batchpost man > batchpost.1
  batchpost man --dir ~/.local/share/man/man1")]
    Man(Man),
}

/// The file of settings.
#[derive(Debug, Clone, Group)]
pub(crate) struct FromFile {
    /// The file of settings; by default batchpost.toml in this folder, or else batchpost/batchpost.toml in
    /// $XDG_CONFIG_HOME or in ~/.config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The profile of that file to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// How to speak.
#[derive(Debug, Clone, Group)]
pub(crate) struct Output {
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only say what needs attention
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: -v each retry, -vv each row
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What is read, and what is made of it.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// The spreadsheet (CSV, TSV, JSON, XLSX, ODS...), or - for standard input
    pub(crate) input: PathBuf,
    /// csv, jsonl, json, xlsx, xlsb, xls or ods; by the file's name where it is not said
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The sheet of a workbook; by default the first that is shown
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// The row (of a text, the line) with the names of the columns; by default the first
    #[arg(long, value_name = "N")]
    pub(crate) header_row: Option<NonZeroU32>,
    /// A text's encoding, such as windows-1252; by default UTF-8, or UTF-16 with a byte order mark
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<Encoding>,
    /// What separates the cells of a CSV: comma, semicolon, tab, pipe or any one character; by default its header tells
    #[arg(long, value_name = "CHAR")]
    pub(crate) delimiter: Option<Delimiter>,
    /// Which column is the ticket, and which (repeatable) the text: ticket='Ticket ID'
    #[arg(long = "column", value_name = "FIELD=COLUMN")]
    pub(crate) columns: Vec<ColumnChoice>,
    /// The column that names each job: a row with a name that was posted is never posted again, whatever else it says;
    /// names must differ over all files that are posted to the account
    #[arg(long, value_name = "COLUMN")]
    pub(crate) key: Option<String>,
    /// Where the id stands in a ticket cell: a regular expression with one group, like 'TKT-0*(\d+)'
    #[arg(long, value_name = "REGEX")]
    pub(crate) ticket_pattern: Option<TicketPattern>,
    /// A table from the ids of an old system to tickets: its file, the column of the old ids, that of the new
    #[arg(long, value_name = "FILE:FROM:TO")]
    pub(crate) lookup: Option<LookupSpec>,
    /// What makes the text: '{{ row["Agent name"] }} wrote on {{ Date }}: {{ Comment }}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "text_template_file")]
    pub(crate) text_template: Option<Template>,
    /// The same, from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) text_template_file: Option<PathBuf>,
    /// The longest text that is posted, in bytes of UTF-8
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_text: Option<NonZeroU32>,
    /// A longer text: take its row for invalid, or cut it, after a word where one ends near the bound
    #[arg(long, value_enum, default_value_t = TooLongArg::Reject)]
    pub(crate) too_long: TooLongArg,
    /// A field that every note gets: Source='Old helpdesk', or Priority:=3 for what is no text; StorageType and
    /// ActivityType replace the usual ones; repeatable
    #[arg(long = "field", value_name = "NAME=TEXT")]
    pub(crate) fields: Vec<FixedField>,
    /// Rows exactly like an earlier one: each is posted, or only the first; what was skipped stays so until
    /// `settle --as to-do`
    #[arg(long, value_enum, default_value_t = DuplicatesArg::Post)]
    pub(crate) duplicates: DuplicatesArg,
    /// The ledger; by default it stands beside the input, as INPUT.ledger.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
}

/// Where to post to.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Account")]
pub(crate) struct Target {
    /// The account's API host, like apigw.service-in.leadsquared.com
    #[arg(long, conflicts_with = "url")]
    pub(crate) host: Option<String>,
    /// The account's number
    #[arg(long, conflicts_with = "url")]
    pub(crate) tenant: Option<String>,
    /// The whole URL to POST to, instead of --host and --tenant
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Post to a stand-in inside this process, with a fresh ledger in a temporary folder
    #[arg(long, conflicts_with_all = ["host", "tenant", "url"])]
    pub(crate) sandbox: bool,
}

/// How to reach it.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Go through this proxy; without it none is used, whatever the environment says
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What to leave for whoever watches over it.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Watching")]
pub(crate) struct Watching {
    /// Write the run's numbers to this file as Prometheus reads them (node_exporter's textfile collector), now and then and
    /// at the end; its name tells one job from another
    #[arg(long, value_name = "FILE.prom")]
    pub(crate) metrics_file: Option<PathBuf>,
}

/// What to do this time.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "This time")]
pub(crate) struct ThisTime {
    /// Rows in doubt from an earlier run: leave them, or send them again at the risk of a second note
    #[arg(long, value_enum, default_value_t = DoubtArg::Hold)]
    pub(crate) in_doubt: DoubtArg,
    /// Post this many rows and stop
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<u64>,
    /// A new row whose ticket has a posted note that is no longer in the input (it may be an edit of it): hold it, or
    /// post it
    #[arg(long, value_enum, default_value_t = ChangedArg::Hold)]
    pub(crate) changed: ChangedArg,
    /// Do not ask before posting (without a terminal nobody is asked)
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// What other ledgers know.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Other ledgers")]
pub(crate) struct Known {
    /// Rows to send that another ledger has as posted or in doubt: leave them out, or post them again
    #[arg(long, value_enum)]
    pub(crate) known: Option<KnownArg>,
    /// The folder with the other ledgers; by default the ledger's own
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TooLongArg {
    Reject,
    Truncate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DuplicatesArg {
    Post,
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChangedArg {
    Hold,
    Post,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KnownArg {
    Skip,
    Post,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecisionArg {
    /// The note is there
    Posted,
    /// Send it, or send it again
    ToDo,
    /// Nobody needs it
    Waived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoubtArg {
    Hold,
    Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BurstArg {
    /// The whole window at once
    Full,
    /// Evenly spaced
    Even,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum On500Arg {
    Retry,
    Hold,
}

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitArg {
    None,
    Limit(Limit),
}

impl std::str::FromStr for LimitArg {
    type Err = batchpost::limit::LimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "none" { Ok(Self::None) } else { text.parse().map(Self::Limit) }
    }
}

/// What is left to others: of the limit with that time, or, without a time, of the one with the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserve {
    pub(crate) count: u32,
    pub(crate) window: Option<Duration>,
}

impl std::str::FromStr for Reserve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            let limit: Limit = text.parse().map_err(|error: batchpost::limit::LimitError| error.to_string())?;
            return Ok(Self { count: limit.count(), window: Some(limit.window()) });
        }
        let count = text.trim().parse().map_err(|_| "write it like 5 or 20000/1d".to_owned())?;
        Ok(Self { count, window: None })
    }
}

/// How to post.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "Pace and tries")]
pub(crate) struct Posting {
    /// The most requests in a time, like 25/5s; repeatable, all hold at once (none: only to this machine)
    #[arg(long = "limit", value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limits: Vec<LimitArg>,
    /// Leave so many requests of a limit to others: 5 (of the limit with the shortest time) or 20000/1d; repeatable
    #[arg(long = "reserve", value_name = "N[/TIME]")]
    pub(crate) reserves: Vec<Reserve>,
    /// How requests spread within the time; by default full for a batch of less than ten minutes, else even
    #[arg(long, value_enum)]
    pub(crate) burst: Option<BurstArg>,
    /// The most requests under way at once; by default the smallest limit's, at most 256
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<NonZeroU32>,
    /// How long to wait for a whole reply
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(crate) timeout: Duration,
    /// How long an interrupted run waits for replies in flight
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = grace)]
    pub(crate) grace: Duration,
    /// How often a row is tried in one run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// Post only between these times of day, like 22:00-06:00
    #[arg(long, value_name = "FROM-TO")]
    pub(crate) between: Option<Hours>,
    /// The time zone of --between, like Asia/Kolkata; by default this machine's
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// End (exit code 5) rather than wait for the hours to open, or for longer than a minute for a slot
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long an outage is waited out before the run stops; 0 stops at the first probe that fails
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = give_up_after)]
    pub(crate) give_up_after: Duration,
    /// What an unexplained 500 is taken for: not created (retry), or perhaps created (hold in doubt)
    #[arg(long, value_enum, default_value_t = On500Arg::Retry)]
    pub(crate) on_500: On500Arg,
    /// Record rows of which no note can be made, and post the others
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// End each note with a short reference, by which a doubtful one can be searched for in the CRM; `show` prints it
    #[arg(long)]
    pub(crate) marker: bool,
}

/// No longer than the longest time-out: what is in flight has ended by then.
fn grace(text: &str) -> Result<Duration, String> {
    let grace = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if grace <= Duration::from_secs(24 * 60 * 60) { Ok(grace) } else { Err("it must be at most 1d".to_owned()) }
}

/// Longer than a year is no time to wait; the bound keeps sums of times from overflowing.
fn give_up_after(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time <= Limit::LONGEST { Ok(time) } else { Err("it must be at most 366d".to_owned()) }
}

/// Zero would put every row in doubt, and a day is longer than any server takes.
fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let sane = Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60);
    if sane.contains(&timeout) { Ok(timeout) } else { Err("it must be between 100ms and 1d".to_owned()) }
}

/// Whose slots are taken.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Budget")]
pub(crate) struct Budget {
    /// Keep the limits together with all runs of this machine that post to the account (shared), or alone; shared where
    /// nothing is said
    #[arg(long, value_enum)]
    pub(crate) budget: Option<BudgetArg>,
    /// The folder of the shared budgets; by default batchpost in $XDG_STATE_HOME or in ~/.local/state
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetArg {
    Shared,
    Private,
}

#[derive(Debug, Group)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) posting: Posting,
    #[command(flatten)]
    pub(crate) budget: Budget,
    #[command(flatten)]
    pub(crate) this_time: ThisTime,
    #[command(flatten)]
    pub(crate) known: Known,
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
    pub(crate) known: Known,
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
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) known: Known,
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
    #[arg(long, value_name = "N")]
    pub(crate) row: Option<u64>,
    /// Only rows of this ticket
    #[arg(long, value_name = "ID")]
    pub(crate) ticket: Option<u64>,
    /// Only rows that stand so: posted, rejected, failed, in_doubt, pending, invalid, held, skipped
    #[arg(long)]
    pub(crate) state: Option<Outcome>,
}

#[derive(Debug, Group)]
pub(crate) struct Export {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Rows that stand so; repeatable
    #[arg(long = "state", value_delimiter = ',', default_values = ["rejected", "failed", "invalid"])]
    pub(crate) states: Vec<Outcome>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE.csv")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Group)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["rows", "state", "from"]))]
#[command(group = clap::ArgGroup::new("what").required(true).args(["decision", "undo", "from"]))]
pub(crate) struct Settle {
    /// The ledger
    pub(crate) ledger: PathBuf,
    /// Rows of these numbers
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) rows: Vec<u64>,
    /// All rows that stand so
    #[arg(long)]
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
pub(crate) struct Audit {
    /// The ledger
    pub(crate) ledger: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Report {
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
    /// The ledger that a run of the input would keep, where it is not the usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
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
    #[arg(long = "fault", value_name = "FAULT")]
    pub(crate) faults: Vec<FaultRule>,
    /// Seed of all that is left to chance
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Group)]
pub(crate) struct Init {
    /// The spreadsheet to look at
    pub(crate) input: Option<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE.toml", default_value = "batchpost.toml")]
    pub(crate) output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Config {
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

/// A range of durations.
#[derive(Debug, Clone)]
pub(crate) struct Latency(pub(crate) std::ops::RangeInclusive<Duration>);

impl std::str::FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let parse = |text: &str| humantime::parse_duration(text.trim()).map_err(|error| format!("{text:?}: {error}"));
        let (from, to) = (parse(from)?, parse(to)?);
        if from <= to { Ok(Self(from..=to)) } else { Err(format!("{text:?} ends before it begins")) }
    }
}

#[cfg(test)]
mod tests;

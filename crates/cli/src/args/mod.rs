//! The command line as typed. Its meaning is resolved in `commands`.

mod choices;
mod commands;
mod groups;
mod values;

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};

pub(crate) use commands::{
    Audit, Check, Completions, Doctor, Export, Init, KnownArgs, KnownCommand, Man, ReportArgs, Resume, Run, Salvage,
    Sandbox, Settle, Show, ShowConfig, Status,
};
pub(crate) use groups::{Budget, Input, Network, OtherLedgers, Posting, ReadingArgs, TargetArgs, ThisTime};
pub(crate) use values::{LimitArg, LogFormat, Reserve, RowRange};

/// Post every row of a spreadsheet as an internal note on a ticket. The account's rate limit is never exceeded, no row
/// is lost or posted twice automatically, and the outcome of each row is recorded.
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
  3    stopped; needs a person: credentials, endpoint, refused, ledger, input
  75   stopped; run again later: outage, limited, ledger or rows in use by another run
  129, 130, 143  interrupted; requests in flight were awaited and recorded
  4    finished or planned stop, and rows are in doubt
  1    finished or planned stop, and rows are rejected, failed, invalid or held
  5    stopped as planned (--first, --no-wait)
  0    every row is posted or skipped";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Post the rows of an input; run again to continue
    #[command(after_help = "\
Examples:
  batchpost run notes.csv --sandbox
  batchpost run notes.csv --host apigw.service-in.leadsquared.com --tenant 12345 \\
      --column ticket='Ticket ID' --column text='Comment' --first 3
  batchpost run - --format jsonl --ledger notes.ledger.jsonl --url https://... < notes.jsonl

The access keys come from LSQ_ACCESS_KEY and LSQ_SECRET_KEY, from the files named by
LSQ_ACCESS_KEY_FILE and LSQ_SECRET_KEY_FILE, or from the source set in batchpost.toml; on a
terminal, missing keys are asked for. Most options can also be set in batchpost.toml or in the
environment: --max-attempts is max_attempts, or BATCHPOST_MAX_ATTEMPTS.")]
    Run(Run),
    /// Continue a batch from its ledger, with the last run's settings
    #[command(after_help = "\
Examples:
  batchpost resume notes.csv.ledger.jsonl
  batchpost resume notes.csv.ledger.jsonl --in-doubt retry
  batchpost resume notes.csv.ledger.jsonl --input /archive/notes.csv")]
    Resume(Resume),
    /// Read the input and show what a run would do; send nothing
    #[command(after_help = "\
Examples:
  batchpost check notes.csv
  batchpost check notes.csv --host apigw.service-in.leadsquared.com --tenant 12345 \\
      --column ticket='Ticket ID' --column text='Comment'
  batchpost check tickets.xlsx --sheet 'March 2026' --header-row 3 --json

The exit code is 2 if a run would refuse to start, for example because of invalid rows without
--skip-invalid. Otherwise it is 4 if rows are in doubt, 1 if rows are rejected, failed, invalid
or held, and 0 if none are.")]
    Check(Check),
    /// Show the state of a batch
    #[command(after_help = "\
Examples:
  batchpost status notes.csv.ledger.jsonl
  batchpost status notes.csv.ledger.jsonl --json

The exit code is that of the last run: 0 if every row is posted or skipped. It is 75 while a run is
under way, and after a run that was cut off with rows left.")]
    Status(Status),
    /// Show the outcome and history of rows
    #[command(after_help = "\
Examples:
  batchpost show notes.csv.ledger.jsonl --state in_doubt
  batchpost show notes.csv.ledger.jsonl --row 7
  batchpost show notes.csv.ledger.jsonl --ticket 17711 --json")]
    Show(Show),
    /// Write rows and their outcomes as a spreadsheet
    #[command(after_help = "\
Examples:
  batchpost export notes.csv.ledger.jsonl -o not-posted.csv
  batchpost export notes.csv.ledger.jsonl --state in_doubt -o in-doubt.csv

The export has the columns outcome, reason, attempts, at, decision and batchpost_key, and the
input's own columns if the input has not changed since the last run. To decide about rows, write
posted, to-do or waived in the decision column and pass the file to `settle --from`.")]
    Export(Export),
    /// Record decisions about rows: posted, to do, or waived
    #[command(after_help = "\
Examples:
  batchpost settle notes.csv.ledger.jsonl --rows 7,12-15 --as posted --why 'seen in the CRM'
  batchpost settle notes.csv.ledger.jsonl --state in_doubt --as to-do
  batchpost settle notes.csv.ledger.jsonl --from decided.csv
  batchpost settle notes.csv.ledger.jsonl --rows 7 --undo")]
    Settle(Settle),
    /// Prove from the ledger that the limits were kept and that the counts match
    #[command(after_help = "\
Examples:
  batchpost audit notes.csv.ledger.jsonl
  batchpost audit notes.csv.ledger.jsonl --json

The exit code is 0 if all of it is proved, else 1.")]
    Audit(Audit),
    /// Write an HTML report of a batch: totals, rates, latencies, pauses, rows that failed
    #[command(after_help = "\
Examples:
  batchpost report notes.csv.ledger.jsonl
  batchpost report notes.csv.ledger.jsonl -o /srv/reports/notes.html")]
    Report(ReportArgs),
    /// Write a new ledger from the readable records of a damaged one
    #[command(after_help = "\
Examples:
  batchpost salvage notes.csv.ledger.jsonl -o salvaged.ledger.jsonl
  batchpost resume salvaged.ledger.jsonl")]
    Salvage(Salvage),
    /// List, add or remove the ledgers whose rows are not posted again
    #[command(after_help = "\
Examples:
  batchpost known list
  batchpost known add /archive/2025/*.ledger.jsonl
  batchpost known forget old.csv.ledger.jsonl

A run adds its ledger, and the ledgers it finds beside it, to the list of its account. Rows that a
listed ledger records as posted or in doubt are not posted again without --known post, from any
file. The list is kept in the state folder and shared by all runs that use that folder.")]
    Known(KnownArgs),
    /// Check settings, keys, network, disk, budget and clock before a run; post nothing
    ///
    /// Each line names a finding and, for a warning or problem, what to do. The exit code is 2 if there is a problem,
    /// else 0. The rows of the input are not read; use `check` for that.
    #[command(after_help = "\
Examples:
  batchpost doctor notes.csv --host apigw.service-in.leadsquared.com --tenant 12345
  batchpost doctor notes.csv.ledger.jsonl")]
    Doctor(Doctor),
    /// Run a simulated API that enforces the limit and counts requests
    #[command(after_help = "\
Examples:
  batchpost sandbox --port 8080
  batchpost sandbox --limit 10/5s --fault 500=0.05 --fault reset@7
  batchpost sandbox --strangers 8/5s --latency 100ms..2s

It prints the URL for `run --url`, and its counts when it ends (Ctrl-C).")]
    Sandbox(Sandbox),
    /// Write a commented batchpost.toml, with settings derived from a spreadsheet
    #[command(after_help = "\
Examples:
  batchpost init
  batchpost init notes.xlsx
  batchpost init notes.csv --header-row 2 --column text=Comment
  batchpost init notes.csv -o acme.toml")]
    Init(Init),
    /// Show the effective settings and their sources: batchpost.toml, the environment, options
    #[command(after_help = "\
Examples:
  batchpost config
  batchpost config --profile acme
  batchpost config -- run notes.csv --limit 10/5s")]
    Config(ShowConfig),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  batchpost completions bash > ~/.local/share/bash-completion/completions/batchpost
  batchpost completions zsh > ~/.zfunc/_batchpost
  batchpost completions fish > ~/.config/fish/completions/batchpost.fish")]
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "\
Examples:
  batchpost man > batchpost.1
  batchpost man --dir ~/.local/share/man/man1")]
    Man(Man),
}

/// The settings file.
#[derive(Debug, Clone, Group)]
pub(crate) struct FromFile {
    /// Settings file [default: batchpost.toml in this folder, else batchpost/batchpost.toml in $XDG_CONFIG_HOME or
    /// ~/.config]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Profile in the settings file
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// Output options.
#[derive(Debug, Clone, Group)]
pub(crate) struct Output {
    /// Print the result as one JSON object; `show` prints one for each row, on a line each
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only what needs attention
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log more: -v each retry, -vv each row
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Format of log lines
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[cfg(test)]
mod tests;

//! The command line, as it is typed. What it means is resolved in `commands`.

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
pub(crate) use values::{
    BudgetArg, BurstArg, ChangedArg, DecisionArg, DoubtArg, DuplicatesArg, KnownArg, LimitArg, LogFormat, On500Arg,
    Reserve, RowRange, TooLongArg,
};

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
  75   stopped, the next run may cure it: outage, limited, ledger or rows in use by another run
  129, 130, 143  interrupted: what was in flight was awaited and recorded
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
  batchpost check tickets.xlsx --sheet 'March 2026' --header-row 3 --json

It exits with 2 where a run would refuse to begin, as for invalid rows without --skip-invalid, and
else as a run that sends nothing: with 4 for rows in doubt, with 1 for rows that are rejected,
failed, invalid or held, and else with 0.")]
    Check(Check),
    /// Say where a batch stands
    #[command(after_help = "\
Examples:
  batchpost status notes.csv.ledger.jsonl
  batchpost status notes.csv.ledger.jsonl --json

It exits as the last run left the batch: 0 where every row is posted or skipped. While a run is
under way, or where it was cut off with rows left, it exits with 75.")]
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
  batchpost settle notes.csv.ledger.jsonl --rows 7,12-15 --as posted --why 'seen in the CRM'
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
    Report(ReportArgs),
    /// Make a new ledger of what can be read of a damaged one
    #[command(after_help = "\
Examples:
  batchpost salvage notes.csv.ledger.jsonl -o salvaged.ledger.jsonl
  batchpost resume salvaged.ledger.jsonl")]
    Salvage(Salvage),
    /// List the ledgers whose rows are not posted again unasked; add one, or forget one
    #[command(after_help = "\
Examples:
  batchpost known list
  batchpost known add /archive/2025/*.ledger.jsonl
  batchpost known forget old.csv.ledger.jsonl

A run lists its ledger, and those that it finds beside it, for the account that it posts to. What
any of them has as posted or in doubt is not posted again without --known post, whatever file it
comes from. The list is kept in the state folder, so it is shared by the runs that share that.")]
    Known(KnownArgs),
    /// Look over what a run would need: settings, keys, network, disk, budget, clock; posts nothing
    ///
    /// Each line says what was found and, where it is not well, what to do. The exit code is 2 if something stands in
    /// a run's way, else 0. The rows of a sheet are not read: `check` does that.
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
  batchpost init notes.csv --header-row 2 --column text=Comment
  batchpost init notes.csv -o acme.toml")]
    Init(Init),
    /// Show what holds, and where each value was said: batchpost.toml, the environment, options
    #[command(after_help = "\
Examples:
  batchpost config
  batchpost config --profile acme
  batchpost config -- run notes.csv --limit 10/5s")]
    Config(ShowConfig),
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
    /// Print the result as one JSON object; `show` prints one a row, a line each
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

#[cfg(test)]
mod tests;

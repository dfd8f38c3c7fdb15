//! Options that several commands have.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use batchpost::fields::FixedField;
use batchpost::input::{ColumnChoice, Delimiter, Encoding, Format, LookupSpec, Template, TicketPattern, TooLong};
use batchpost::runtime::masked;
use batchpost::schedule::Hours;
use batchpost::settings::{InDoubt, On500, OnChanged, OnDuplicate, OnKnown, Sharing, Spread};
use clap::Args as Group;
use jiff::civil::Date;

use super::choices::{one_of, word};
use super::values::{LimitArg, Reserve, format, give_up_after, grace, timeout};

/// What is read, and how rows become notes.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// The spreadsheet (CSV, TSV, JSON, XLSX, ODS...), or - for standard input
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Column whose value identifies each job; values must be unique. A row whose value this ledger records as posted
    /// is not posted again, even if its other cells differ
    #[arg(long, value_name = "COLUMN")]
    pub(crate) key: Option<String>,
    /// Regular expression whose one group is the id in a ticket cell, like 'TKT-0*(\d+)'
    #[arg(long, value_name = "REGEX")]
    pub(crate) ticket_pattern: Option<TicketPattern>,
    /// Table that maps old ids to tickets: the file, its column of old ids, its column of ticket ids
    #[arg(long, value_name = "FILE:FROM:TO")]
    pub(crate) lookup: Option<LookupSpec>,
    /// Template of the text: '{{ row["Agent name"] }} wrote on {{ Date }}: {{ Comment }}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "text_template_file")]
    pub(crate) text_template: Option<Template>,
    /// File with the template of the text
    #[arg(long, value_name = "FILE")]
    pub(crate) text_template_file: Option<PathBuf>,
    /// Maximum length of a text, in bytes of UTF-8 [default: no maximum]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_text: Option<NonZeroU32>,
    /// Text longer than --max-text: make its row invalid, or truncate it, at the end of a word if one is near
    #[arg(long, value_parser = one_of::<TooLong>(), default_value = word(TooLong::default()))]
    pub(crate) too_long: TooLong,
    /// Field to add to every note: Source='Old helpdesk', or Priority:=3 for JSON; repeatable. StorageType and
    /// ActivityType override the defaults
    #[arg(long = "field", value_name = "NAME=TEXT")]
    pub(crate) fields: Vec<FixedField>,
    /// Identical rows: post each, or post the first and skip the rest; skipped rows stay so until `settle --as to-do`
    #[arg(long, value_parser = one_of::<OnDuplicate>(), default_value = word(OnDuplicate::default()))]
    pub(crate) duplicates: OnDuplicate,
    /// The ledger [default: INPUT.ledger.jsonl, beside the input]
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
}

/// The input's format, and its columns.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Input")]
pub(crate) struct ReadingArgs {
    /// Format of the input [default: by the file name's extension]
    #[arg(long, value_parser = format())]
    pub(crate) format: Option<Format>,
    /// Sheet of a workbook [default: the first visible one]
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// Number of the row with the column names (in text files, of the line) [default: the first]
    #[arg(long, value_name = "N")]
    pub(crate) header_row: Option<NonZeroU32>,
    /// Encoding of a text file, such as windows-1252 [default: UTF-8, or UTF-16 with a byte order mark]
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<Encoding>,
    /// Delimiter of a CSV: comma, semicolon, tab, pipe or any one character [default: detected in the header]
    #[arg(long, value_name = "CHAR")]
    pub(crate) delimiter: Option<Delimiter>,
    /// Column of a field: ticket='Ticket ID', text='Comment'; repeatable, several text columns are joined
    #[arg(long = "column", value_name = "FIELD=COLUMN")]
    pub(crate) columns: Vec<ColumnChoice>,
}

/// Where to post to.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Account")]
pub(crate) struct TargetArgs {
    /// API host of the account, like apigw.service-in.leadsquared.com
    #[arg(long, conflicts_with = "url")]
    pub(crate) host: Option<String>,
    /// Number of the account
    #[arg(long, conflicts_with = "url")]
    pub(crate) tenant: Option<String>,
    /// Full URL to POST to, instead of --host and --tenant
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Post to a simulated API inside this process, with a new ledger in a temporary folder
    #[arg(long, conflicts_with_all = ["host", "tenant", "url"])]
    pub(crate) sandbox: bool,
}

/// How to post.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "Pace and tries")]
pub(crate) struct Posting {
    /// Maximum requests per time, like 25/5s; repeatable, all apply at once. `none` is allowed for this machine only
    #[arg(long = "limit", value_name = "N/TIME", default_value = "25/5s")]
    pub(crate) limits: Vec<LimitArg>,
    /// Requests of a limit to leave to other clients: 5 (of the limit with the shortest time) or 20000/1d; repeatable
    #[arg(long = "reserve", value_name = "N[/TIME]")]
    pub(crate) reserves: Vec<Reserve>,
    /// Distribution of requests within the limit's time [default: full for batches under 10 minutes, else even]
    #[arg(long, value_parser = one_of::<Spread>())]
    pub(crate) burst: Option<Spread>,
    /// Maximum requests in flight at once [default: the smallest limit's count, at most 256]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<NonZeroU32>,
    /// Time to wait for a complete reply
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(crate) timeout: Duration,
    /// Time that an interrupted run waits for replies in flight
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = grace)]
    pub(crate) grace: Duration,
    /// Maximum attempts for a row in one run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// Post between these times of day only, like 22:00-06:00
    #[arg(long, value_name = "FROM-TO")]
    pub(crate) between: Option<Hours>,
    /// Time zone of --between, like Asia/Kolkata [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Exit with code 5 instead of waiting for --between to open, or more than a minute for a slot
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Time to wait through an outage before the run stops; 0 stops at the first failed probe
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = give_up_after)]
    pub(crate) give_up_after: Duration,
    /// Row answered with an unexplained 500: treat it as not created (retry), or put it in doubt (hold)
    #[arg(long, value_parser = one_of::<On500>(), default_value = word(On500::default()))]
    pub(crate) on_500: On500,
    /// Record invalid rows and post the others
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// Append a short reference to each note, to search the CRM for a note in doubt; `show` prints it
    #[arg(long)]
    pub(crate) marker: bool,
}

/// Whose slots are taken.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Budget")]
pub(crate) struct Budget {
    /// Share the account's limits with all runs that use the same state folder, or with none [default: shared]
    #[arg(long, value_parser = one_of::<Sharing>())]
    pub(crate) budget: Option<Sharing>,
    /// State folder, through which runs share an account's limits [default: the one of the ledger's last run, else
    /// --shared-state-dir, else batchpost in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// State folder shared by a group of users, used if it exists and is writable [default: /var/lib/batchpost]
    #[arg(long, value_name = "DIR")]
    pub(crate) shared_state_dir: Option<PathBuf>,
}

/// Decisions for one run.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "This time")]
pub(crate) struct ThisTime {
    /// Rows in doubt from an earlier run: keep them in doubt, or send them again at the risk of a second note
    #[arg(long, value_parser = one_of::<InDoubt>(), default_value = word(InDoubt::default()))]
    pub(crate) in_doubt: InDoubt,
    /// Stop after posting this many rows
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<u64>,
    /// New row whose ticket has a posted note that is no longer in the input (it may be an edit): hold it or post it
    #[arg(long, value_parser = one_of::<OnChanged>(), default_value = word(OnChanged::default()))]
    pub(crate) changed: OnChanged,
    /// Do not ask before posting; without a terminal there is no question
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// Rows that other ledgers record.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Other ledgers")]
pub(crate) struct OtherLedgers {
    /// Rows that another ledger of the account records as posted or in doubt: skip them, or post them again
    /// [default: stop with an error]
    #[arg(long, value_parser = one_of::<OnKnown>())]
    pub(crate) known: Option<OnKnown>,
    /// Ignore what other ledgers sent before this day, for notes that repeat, like monthly ones
    #[arg(long, value_name = "DATE")]
    pub(crate) known_since: Option<Date>,
    /// Folder with more ledgers of the account [default: the ledger's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// Folder for the temporary job file, a copy of the rows to post [default: the ledger's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch_dir: Option<PathBuf>,
}

/// How to reach it.
#[derive(Clone, Default, Group)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Use this proxy; proxy variables of the environment are ignored
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may contain a password.
        let proxy = self.proxy.as_deref().map(masked);
        f.debug_struct("Network").field("proxy", &proxy).field("ca_file", &self.ca_file).finish()
    }
}

/// Output for monitoring.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Watching")]
pub(crate) struct Watching {
    /// Write metrics to this file every 10 s and at the end, for node_exporter's textfile collector; the file's name is
    /// a label of each metric
    #[arg(long, value_name = "FILE.prom")]
    pub(crate) metrics_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_not_in_what_is_printed_to_debug() {
        let proxy = Some("http://anna:s3cret@proxy:3128".to_owned());
        let printed = format!("{:?}", Network { proxy, ca_file: None });
        assert!(printed.contains("@proxy:3128") && !printed.contains("s3cret"), "{printed}");
    }
}

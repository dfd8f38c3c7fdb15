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

/// What is read, and what is made of it.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// The spreadsheet (CSV, TSV, JSON, XLSX, ODS...), or - for standard input
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// The column that names each job: a row with a name that this ledger has as posted is not posted again, whatever
    /// else it says; names must differ within the input
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
    #[arg(long, value_parser = one_of::<TooLong>(), default_value = word(TooLong::default()))]
    pub(crate) too_long: TooLong,
    /// A field that every note gets: Source='Old helpdesk', or Priority:=3 for what is no text; StorageType and
    /// ActivityType replace the usual ones; repeatable
    #[arg(long = "field", value_name = "NAME=TEXT")]
    pub(crate) fields: Vec<FixedField>,
    /// Rows exactly like an earlier one: each is posted, or only the first; what was skipped stays so until
    /// `settle --as to-do`
    #[arg(long, value_parser = one_of::<OnDuplicate>(), default_value = word(OnDuplicate::default()))]
    pub(crate) duplicates: OnDuplicate,
    /// The ledger; by default it stands beside the input, as INPUT.ledger.jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
}

/// How it is written, and which columns are what.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Input")]
pub(crate) struct ReadingArgs {
    /// The input's format; by the file's name where it is not said
    #[arg(long, value_parser = format())]
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
}

/// Where to post to.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Account")]
pub(crate) struct TargetArgs {
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
    #[arg(long, value_parser = one_of::<Spread>())]
    pub(crate) burst: Option<Spread>,
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
    #[arg(long, value_parser = one_of::<On500>(), default_value = word(On500::default()))]
    pub(crate) on_500: On500,
    /// Record rows of which no note can be made, and post the others
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// End each note with a short reference, by which a doubtful one can be searched for in the CRM; `show` prints it
    #[arg(long)]
    pub(crate) marker: bool,
}

/// Whose slots are taken.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Budget")]
pub(crate) struct Budget {
    /// Keep the account's limits together with all runs that use the same state folder (shared, the default), or alone
    /// (private)
    #[arg(long, value_parser = one_of::<Sharing>())]
    pub(crate) budget: Option<Sharing>,
    /// The folder in which the runs of an account keep its limit together; by default the one that the ledger's last run
    /// used, else --shared-state-dir, else batchpost in $XDG_STATE_HOME or in ~/.local/state
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The state folder that a group of users shares, used where it exists and this user may write to it; by default
    /// /var/lib/batchpost
    #[arg(long, value_name = "DIR")]
    pub(crate) shared_state_dir: Option<PathBuf>,
}

/// What to do this time.
#[derive(Debug, Clone, Group)]
#[command(next_help_heading = "This time")]
pub(crate) struct ThisTime {
    /// Rows in doubt from an earlier run: leave them, or send them again at the risk of a second note
    #[arg(long, value_parser = one_of::<InDoubt>(), default_value = word(InDoubt::default()))]
    pub(crate) in_doubt: InDoubt,
    /// Post this many rows and stop
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<u64>,
    /// A new row whose ticket has a posted note that is no longer in the input (it may be an edit of it): hold it, or
    /// post it
    #[arg(long, value_parser = one_of::<OnChanged>(), default_value = word(OnChanged::default()))]
    pub(crate) changed: OnChanged,
    /// Do not ask before posting (without a terminal nobody is asked)
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// What other ledgers know.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Other ledgers")]
pub(crate) struct OtherLedgers {
    /// Rows to send that another ledger of the account has as posted or in doubt: leave them out, or post them again
    #[arg(long, value_parser = one_of::<OnKnown>())]
    pub(crate) known: Option<OnKnown>,
    /// Only what was sent on this day or later counts as known: for a note that is posted every month, say
    #[arg(long, value_name = "DATE")]
    pub(crate) known_since: Option<Date>,
    /// A folder with further ledgers of the account; by default the ledger's own
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// The folder for the temporary job file, which holds what was read of the input; by default the ledger's own
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch_dir: Option<PathBuf>,
}

/// How to reach it.
#[derive(Clone, Default, Group)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Go through this proxy; without it none is used, whatever the environment says
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may hold a password.
        let proxy = self.proxy.as_deref().map(masked);
        f.debug_struct("Network").field("proxy", &proxy).field("ca_file", &self.ca_file).finish()
    }
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

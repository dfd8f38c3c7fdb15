//! Exit codes. The first matching row applies:
//!
//! | code | when |
//! |---|---|
//! | 2 | usage, configuration or input error; nothing was sent |
//! | 3 | stopped; needs a person: credentials, endpoint, refused, ledger, input |
//! | 75 | stopped; run again later: outage, limited, ledger or rows in use by another run, no thread available |
//! | 129, 130, 143 | interrupted |
//! | 4 | finished or planned stop, and rows are in doubt |
//! | 1 | finished or planned stop, and rows are rejected, failed, invalid or held |
//! | 5 | stopped as planned |
//! | 0 | every row is posted or skipped |

use std::io;
use std::process::ExitCode;

use batchpost::batch::{Error, ExportFailed};
use batchpost::outcome::{Counts, Stop};
use batchpost::runtime::{Interrupt, LockError, SIGINT};

use crate::{hints, logging};

/// Usage, configuration or input error; nothing was sent.
pub(crate) const USAGE: u8 = 2;
const PERSON_NEEDED: u8 = 3;
/// The next run may succeed.
pub(crate) const TRY_LATER: u8 = 75;
const IN_DOUBT: u8 = 4;
const NOT_ALL: u8 = 1;
const PLANNED: u8 = 5;

/// The exit code for a batch with these counts.
pub(crate) fn of_batch(counts: &Counts, stopped: Option<Stop>, interrupt: Option<Interrupt>) -> u8 {
    match stopped {
        Some(Stop::Credentials | Stop::Endpoint | Stop::Refused | Stop::Ledger | Stop::Input) => return PERSON_NEEDED,
        Some(Stop::Outage | Stop::Limited) => return TRY_LATER,
        Some(Stop::Interrupted) => return of_signal(interrupt.unwrap_or(Interrupt(SIGINT))),
        Some(Stop::Planned) | None => {}
    }
    if counts.in_doubt > 0 {
        IN_DOUBT
    } else if counts.rejected + counts.failed + counts.invalid + counts.held > 0 {
        NOT_ALL
    } else if stopped == Some(Stop::Planned) {
        PLANNED
    } else {
        0
    }
}

/// The exit code that shells use for a process ended by a signal.
pub(crate) fn of_signal(Interrupt(signal): Interrupt) -> u8 {
    128_u8.saturating_add(signal)
}

/// Whether a run with this code did everything it was asked to.
pub(crate) fn did_all(code: u8) -> bool {
    matches!(code, 0 | PLANNED)
}

/// Converts the result to the process's exit code. Prints the error and, for an input error, the settings
/// that affect reading.
pub(crate) fn code(result: &anyhow::Result<u8>, said_of_the_input: impl FnOnce() -> Option<String>) -> ExitCode {
    let error = match result {
        Ok(code) => return (*code).into(),
        Err(error) => error,
    };
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    logging::fail(&one_line(error));
    if let Some(hint) = library_error(error).map_or_else(|| hints::of_others(error), hints::hint) {
        say!("{hint}");
    }
    if let Some(Error::Input { .. }) = library_error(error)
        && let Some(said) = said_of_the_input()
    {
        say!("{said}");
    }
    of_error(error).into()
}

/// The code for a command's result.
pub(crate) fn of_result(result: &anyhow::Result<u8>) -> u8 {
    result.as_ref().map_or_else(of_error, |code| *code)
}

/// The library's error in `error`, if any.
fn library_error(error: &anyhow::Error) -> Option<&Error> {
    let of_export = || match error.downcast_ref()? {
        ExportFailed::Ledger(error) => Some(error),
        _ => None,
    };
    error.downcast_ref().or_else(of_export)
}

/// Whether another run has the ledger locked.
pub(crate) fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(library_error(error), Some(Error::Lock { source: LockError::Held { .. }, .. }))
}

/// Whether the reader of our output has closed it.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(broken))
}

fn of_error(error: &anyhow::Error) -> u8 {
    if is_broken_pipe(error) {
        return 0;
    }
    match library_error(error) {
        Some(_) if is_in_use(error) => TRY_LATER,
        Some(Error::RowsInUse { .. } | Error::BecameKnown { .. } | Error::Thread { .. }) => TRY_LATER,
        // A mistyped name, a missing folder, or a dangling link.
        Some(Error::LedgerFile { source, .. } | Error::Lock { source: LockError::Io { source, .. }, .. })
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) =>
        {
            USAGE
        }
        Some(Error::Ledger { .. } | Error::LedgerFile { .. } | Error::Lock { .. } | Error::KnownUnreadable { .. }) => {
            PERSON_NEEDED
        }
        _ => USAGE,
    }
}

/// Joins an error and its causes, without the parts of a message that repeat its cause.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use batchpost::runtime::{SIGHUP, SIGTERM};

    use super::*;

    fn of(stopped: Option<Stop>, change: impl FnOnce(&mut Counts)) -> u8 {
        let mut counts = Counts { posted: 3, skipped: 1, ..Counts::default() };
        change(&mut counts);
        of_batch(&counts, stopped, None)
    }

    #[test]
    fn the_first_code_that_applies_is_given() {
        assert_eq!(of(None, |_| ()), 0);
        assert_eq!(of(Some(Stop::Planned), |_| ()), 5);
        assert_eq!(of(Some(Stop::Planned), |counts| counts.invalid = 1), 1);
        assert_eq!(of(None, |counts| counts.failed = 1), 1);
        assert_eq!(of(None, |counts| (counts.rejected, counts.in_doubt) = (1, 1)), 4);
        assert_eq!(of(Some(Stop::Interrupted), |counts| counts.in_doubt = 1), 130);
        assert_eq!(of(Some(Stop::Outage), |counts| counts.in_doubt = 1), 75);
        assert_eq!(of(Some(Stop::Credentials), |counts| counts.in_doubt = 1), 3);
        let by = |signal| of_batch(&Counts::default(), Some(Stop::Interrupted), Some(Interrupt(signal)));
        assert_eq!([SIGHUP, SIGINT, SIGTERM].map(by), [129, 130, 143]);
    }
}

//! `batchpost`: posts every row of a spreadsheet as a note, within the API's limit, and records the outcome of each.

/// Prints a message for people on standard error.
macro_rules! ask {
    ($($words:tt)*) => { crate::logging::say(format_args!($($words)*)) };
}

/// Like `ask!`, but ends the line.
macro_rules! say {
    ($($words:tt)*) => { ask!("{}\n", format_args!($($words)*)) };
}

mod apis;
mod args;
mod bar;
mod bar_terminal;
mod commands;
mod config;
mod credentials;
mod eta;
mod exit;
mod files;
mod finish;
mod folders;
mod force_quit;
mod hints;
mod last_run;
mod logging;
mod metrics;
mod next;
mod plain;
mod progress;
mod rate;
mod summary;
mod words;

use std::process::ExitCode;

use args::Command;

/// The version, with the commit if built from a checkout.
const VERSION: &str = env!("BATCHPOST_VERSION");

fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    let resolved = config::resolve(&line);
    // Before any message, including an error.
    let screen = match &resolved {
        Ok((args, _)) => logging::start(&args.output),
        Err(_) => logging::start(&config::early_output(&line)),
    };
    for remark in config::remarks() {
        say!("batchpost: {remark}");
    }
    let (args, config) = match resolved {
        Ok(resolved) => resolved,
        Err(error) => return exit::code(&Err(error), || None),
    };
    // Covers all messages of a run, including the last.
    let span = matches!(args.command, Command::Run(_) | Command::Resume(_)).then(logging::run_span);
    let _within = span.as_ref().map(tracing::Span::enter);
    // Other commands read an input with the settings in its ledger.
    let reads_as_said = matches!(args.command, Command::Run(_) | Command::Check(_));
    let said_of_the_input = reads_as_said.then(|| hints::said_of_the_input(&config)).flatten();
    let resumed = match &args.command {
        Command::Resume(resume) => Some((resume.ledger.clone(), resume.input.clone())),
        _ => None,
    };
    let result = match args.command {
        Command::Run(run) => commands::run::run(run, &config, &args.output, &screen),
        Command::Resume(resume) => commands::run::resume(resume, &config, &args.output, &screen),
        Command::Check(check) => commands::check::check(&check, &args.output),
        Command::Status(status) => commands::status::status(&status, &config, &args.output),
        Command::Show(show) => commands::show::show(&show, &args.output),
        Command::Export(export) => commands::export::export(&export, &args.output),
        Command::Settle(settle) => commands::settle::settle(&settle, &config, &args.output),
        Command::Audit(audit) => commands::audit::audit(&audit, &args.output),
        Command::Report(report) => commands::report::report(&report, &args.output),
        Command::Salvage(salvage) => commands::salvage::salvage(&salvage, &args.output),
        Command::Known(known) => commands::known::known(&known, &args.output),
        Command::Completions(completions) => commands::completions::completions(&completions),
        Command::Man(man) => commands::man::man(&man, &args.output),
        Command::Doctor(doctor) => commands::doctor::doctor(&doctor, &config, &args.output),
        Command::Sandbox(sandbox) => commands::sandbox::sandbox(&sandbox, &args.output),
        Command::Init(init) => commands::init::init(&init, &args.output),
        Command::Config(shown) => commands::config::config(&shown, config, &args.from_file, &args.output),
    };
    exit::code(&result, || {
        said_of_the_input
            .or_else(|| resumed.and_then(|(ledger, input)| hints::held_by_ledger(&ledger, input.as_deref())))
    })
}

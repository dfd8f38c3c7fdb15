//! `completions`: the completion script for a shell.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::{Args, Completions};

pub(crate) fn completions(completions: &Completions) -> anyhow::Result<u8> {
    // Into memory first: the generator does not report write errors.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Args::command(), "batchpost", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(0)
}

//! `salvage`: a new ledger of what can be read of a damaged one.

use std::io::Write;

use batchpost::batch;
use serde_json::json;

use super::resolve;
use crate::args::{Output, Salvage};
use crate::plain;
use crate::summary::thousands;

pub(crate) fn salvage(salvage: &Salvage, output: &Output) -> anyhow::Result<u8> {
    let salvaged = batch::salvage(&salvage.ledger, &salvage.output, &resolve::tool())?;
    let mut stdout = plain::stdout(output);
    if output.json {
        let result = json!({
            "ledger": salvage.output.display().to_string(),
            "kept": salvaged.kept, "lost": salvaged.lost, "doubted": salvaged.doubted,
        });
        writeln!(stdout, "{result}")?;
        return Ok(0);
    }
    let (kept, lost) = (thousands(salvaged.kept), thousands(salvaged.lost));
    writeln!(stdout, "{kept} records kept, {lost} lost; the new ledger is {}", salvage.output.display())?;
    if salvaged.lost > 0 {
        writeln!(
            stdout,
            "any row without a final outcome may have been sent by a record that was lost: {} were put in doubt, and so \
             will be the rows without any record when the next run reads them",
            thousands(salvaged.doubted)
        )?;
    }
    Ok(0)
}

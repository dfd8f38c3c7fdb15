//! What a reading needs a row's source for, and nothing else: it can be done ahead of the rest.

use std::io::Read;

use crate::input::{IdShapes, InputError, Row, Rows};

/// What a scan gives next.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// A row.
    Row(Row),
    /// The input has come to its end. What the tickets of all its rows look like as they are written.
    End(IdShapes),
}

/// Rows, in order, and in the end what their tickets looked like.
#[derive(Debug)]
pub(crate) struct Scan<'a, R> {
    rows: &'a mut Rows<R>,
    tickets: IdShapes,
}

impl<'a, R: Read> Scan<'a, R> {
    /// Of `rows`, from where they stand.
    pub(crate) fn new(rows: &'a mut Rows<R>) -> Self {
        Self { rows, tickets: IdShapes::default() }
    }

    /// The next row, or the end. After the end, or an error, there is nothing more to ask for.
    ///
    /// # Errors
    ///
    /// When the input cannot be read on.
    pub(crate) fn next(&mut self) -> Result<Scanned, InputError> {
        let Some(row) = self.rows.next()? else { return Ok(Scanned::End(std::mem::take(&mut self.tickets))) };
        self.tickets.meet(self.rows.ticket_cell());
        Ok(Scanned::Row(row))
    }
}

//! The part of a reading that needs the source of the rows, so that it can run ahead of the rest.

use std::io::Read;

use crate::input::{IdShapes, InputError, Row, Rows};

/// Returns the rows in order, and finally the shapes of their ticket cells.
#[derive(Debug)]
pub(crate) struct RowReader<'a, R> {
    rows: &'a mut Rows<R>,
    tickets: IdShapes,
}

impl<'a, R: Read> RowReader<'a, R> {
    /// Reads `rows` from their current position.
    pub(crate) fn new(rows: &'a mut Rows<R>) -> Self {
        Self { rows, tickets: IdShapes::default() }
    }

    /// Returns the next row, or `None` after the last. Do not call it after that or after an error.
    ///
    /// # Errors
    ///
    /// If the input cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, InputError> {
        let row = self.rows.next()?;
        if row.is_some() {
            self.tickets.meet(self.rows.ticket_cell());
        }
        Ok(row)
    }

    /// The shapes of the ticket cells of all rows read.
    pub(crate) fn tickets(self) -> IdShapes {
        self.tickets
    }
}

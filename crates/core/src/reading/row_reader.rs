//! What a reading needs a row's source for, and nothing else: it can be done ahead of the rest.

use std::io::Read;

use crate::input::{IdShapes, InputError, Row, Rows};

/// Rows, in order, and in the end what their tickets looked like.
#[derive(Debug)]
pub(crate) struct RowReader<'a, R> {
    rows: &'a mut Rows<R>,
    tickets: IdShapes,
}

impl<'a, R: Read> RowReader<'a, R> {
    /// Of `rows`, from where they stand.
    pub(crate) fn new(rows: &'a mut Rows<R>) -> Self {
        Self { rows, tickets: IdShapes::default() }
    }

    /// The next row; none after the last. After that, or an error, there is nothing more to ask for.
    ///
    /// # Errors
    ///
    /// When the input cannot be read on.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, InputError> {
        let row = self.rows.next()?;
        if row.is_some() {
            self.tickets.meet(self.rows.ticket_cell());
        }
        Ok(row)
    }

    /// What the tickets of all rows so far look like as they are written.
    pub(crate) fn tickets(self) -> IdShapes {
        self.tickets
    }
}

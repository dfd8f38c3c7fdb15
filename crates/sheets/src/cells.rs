//! The cells of a record that a note is built from.

/// Which columns to copy from each record, and into which slots of [`Cells`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    columns: Vec<(usize, usize)>,
    slots: usize,
}

impl Wanted {
    /// One slot for each of `columns`, in the same order.
    pub fn each(columns: &[usize]) -> Self {
        Self { columns: columns.iter().copied().enumerate().collect(), slots: columns.len() }
    }

    /// One slot for each of the record's `all` columns, of which only `columns` are copied.
    pub fn some_of(all: usize, columns: impl Iterator<Item = usize>) -> Self {
        let mut columns: Vec<(usize, usize)> = columns.map(|column| (column, column)).collect();
        columns.sort_unstable();
        columns.dedup();
        Self { columns, slots: all }
    }

    /// Refills `cells`: `fill` appends the text of the given column.
    ///
    /// # Errors
    ///
    /// Returns the first error of `fill`.
    pub fn read<E>(
        &self,
        cells: &mut Cells,
        mut fill: impl FnMut(usize, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        cells.begin(self.slots);
        self.columns.iter().try_for_each(|(slot, column)| fill(*column, cells.get_mut(*slot)))
    }
}

/// The copied cells of one record, in reused buffers.
#[derive(Debug, Default)]
pub struct Cells {
    texts: Vec<String>,
}

impl Cells {
    /// Empties all slots.
    pub fn clear(&mut self) {
        self.texts.iter_mut().for_each(String::clear);
    }

    /// Sets the number of slots and empties them.
    pub fn begin(&mut self, slots: usize) {
        self.texts.resize_with(slots, String::new);
        self.clear();
    }

    /// The text in a slot.
    pub fn get(&self, slot: usize) -> &str {
        &self.texts[slot]
    }

    /// The buffer of a slot.
    pub fn get_mut(&mut self, slot: usize) -> &mut String {
        &mut self.texts[slot]
    }

    /// All texts, in slot order.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}

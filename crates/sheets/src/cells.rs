//! The cells of a record that a note is made of.

/// Which columns are taken over from each record, and into which slots of its [`Cells`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    columns: Vec<(usize, usize)>,
    slots: usize,
}

impl Wanted {
    /// One slot for each of `columns`, in their order.
    pub fn each(columns: &[usize]) -> Self {
        Self { columns: columns.iter().copied().enumerate().collect(), slots: columns.len() }
    }

    /// One slot for each of a record's columns, of which only some are taken over.
    pub fn some_of(all: usize, columns: impl Iterator<Item = usize>) -> Self {
        let mut columns: Vec<(usize, usize)> = columns.map(|column| (column, column)).collect();
        columns.sort_unstable();
        columns.dedup();
        Self { columns, slots: all }
    }

    /// Fills `cells` anew: `fill` appends the text of the column it is given.
    ///
    /// # Errors
    ///
    /// The first that `fill` returns.
    pub fn read<E>(
        &self,
        cells: &mut Cells,
        mut fill: impl FnMut(usize, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        cells.begin(self.slots);
        self.columns.iter().try_for_each(|(slot, column)| fill(*column, cells.get_mut(*slot)))
    }
}

/// The wanted cells of one record as text, in buffers that are used again.
#[derive(Debug, Default)]
pub struct Cells {
    texts: Vec<String>,
}

impl Cells {
    /// Forgets the record.
    pub fn clear(&mut self) {
        self.texts.iter_mut().for_each(String::clear);
    }

    /// As many as there are slots, all empty.
    pub fn begin(&mut self, slots: usize) {
        self.texts.resize_with(slots, String::new);
        self.clear();
    }

    /// The text of a slot.
    pub fn get(&self, slot: usize) -> &str {
        &self.texts[slot]
    }

    /// The buffer of a slot.
    pub fn get_mut(&mut self, slot: usize) -> &mut String {
        &mut self.texts[slot]
    }

    /// All texts, in the order of the slots.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}

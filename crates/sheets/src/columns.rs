//! The columns that an input has.

/// The columns that an input has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Their names, as the header or the first object has them.
    pub names: Vec<String>,
    /// Of JSON, the paths to what is nested in the first object. They are used only where they are asked for.
    pub nested: Vec<Nested>,
}

/// A member of an object within another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// Its steps, divided by dots. A step may have dots of its own.
    pub name: String,
    /// The names to go through, its own last.
    pub steps: Vec<String>,
}

impl Columns {
    /// Those of an input with a header.
    pub fn of_header(names: Vec<String>) -> Self {
        Self { names, nested: Vec::new() }
    }

    /// The name of a column by its index; what is nested comes last.
    ///
    /// # Panics
    ///
    /// When there is no such column.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).unwrap_or_else(|| &self.nested[index - self.names.len()].name)
    }

    /// All names, in the order of their indexes.
    pub fn all(&self) -> Vec<String> {
        self.names.iter().chain(self.nested.iter().map(|path| &path.name)).cloned().collect()
    }
}

//! The columns of an input.

/// The columns of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Column names from the header or the first JSON object.
    pub names: Vec<String>,
    /// For JSON, the paths of members nested in the first object. They are used only on request.
    pub nested: Vec<Nested>,
}

/// A member of a nested object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// The steps, joined by dots. A step may itself contain dots.
    pub name: String,
    /// The member names from the outermost object to the member itself.
    pub steps: Vec<String>,
}

impl Columns {
    /// The columns of an input with a header.
    pub fn of_header(names: Vec<String>) -> Self {
        Self { names, nested: Vec::new() }
    }

    /// The name of a column by index. Nested members follow the columns.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).unwrap_or_else(|| &self.nested[index - self.names.len()].name)
    }

    /// All names, in index order.
    pub fn all(&self) -> Vec<String> {
        self.names.iter().chain(self.nested.iter().map(|path| &path.name)).cloned().collect()
    }
}

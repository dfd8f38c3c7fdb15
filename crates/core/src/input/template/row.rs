//! A row as a template sees it.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use batchpost_sheets::json::Json;

/// The columns of a header by name.
#[derive(Debug)]
pub(super) struct Header {
    names: Vec<String>,
    places: HashMap<String, NamedColumn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedColumn {
    /// The index of the column.
    Once(usize),
    /// The header has the name more than once.
    Twice,
}

impl Header {
    pub(super) fn new(names: &[String]) -> Self {
        let mut places = HashMap::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let place = places.entry(name.clone()).or_insert(NamedColumn::Once(index));
            if *place != NamedColumn::Once(index) {
                *place = NamedColumn::Twice;
            }
        }
        Self { names: names.to_vec(), places }
    }

    pub(super) fn place(&self, name: &str) -> Option<NamedColumn> {
        self.places.get(name).copied()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

/// `row`, with the cells that a template uses.
#[derive(Debug)]
pub(super) struct RowOfCells {
    pub(super) header: Arc<Header>,
    /// The columns of the cells, ascending.
    pub(super) columns: Arc<[usize]>,
    pub(super) cells: Vec<Value>,
}

impl Object for RowOfCells {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let failed = |why: String| Some(Error::new(ErrorKind::InvalidOperation, why).into());
        match self.header.place(key)? {
            NamedColumn::Once(index) => match self.columns.binary_search(&index) {
                Ok(nth) => self.cells.get(nth).cloned(),
                // The use of this column was not detected. Without an error, it would pass for an empty cell.
                Err(_) => failed(format!("the column {key:?} was not read; write row[{key:?}] instead")),
            },
            NamedColumn::Twice => failed(format!("the header has the column {key:?} more than once")),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.header.names().iter().map(Value::from).collect())
    }
}

/// The root in which names are looked up: `row` and its members.
#[derive(Debug)]
pub(super) struct Root(pub(super) Value);

impl Object for Root {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "row" => Some(self.0.clone()),
            name => self.0.as_object()?.get_value_by_str(name),
        }
    }
}

/// A JSON object as a template sees it.
pub(super) fn object(members: &[(String, Json<'_>)]) -> Value {
    Value::from_pairs(members.iter().map(|(name, json)| (name.as_str(), value(json))))
}

/// Converts a JSON value. Numbers are texts, like cells, so that they are rendered as written. Null is an empty text,
/// as in a mapped column: `none` must not appear in a note.
fn value(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::from(""),
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(digits) => Value::from(*digits),
        Json::Text(text) => Value::from(text.as_str()),
        Json::Array(elements) => elements.iter().map(value).collect(),
        Json::Object(members) => object(members),
    }
}

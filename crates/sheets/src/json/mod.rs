//! Reads JSON lines and JSON arrays of objects. Numbers are kept as written.

mod array;
mod bounded_buf;
mod lines;
mod object;
mod reader;
mod value;

pub use array::placed;
pub use object::{Members, read, read_each_once};
pub use reader::{Container, Reader, Record};
pub use value::{Json, Object};

//! JSON: an object a line, or an array of objects. Numbers come as they stand.

mod array;
mod kept;
mod lines;
mod object;
mod reader;
mod value;

pub use array::placed;
pub use object::{Members, read, read_each_once};
pub use reader::{Container, Reader, Record};
pub use value::{Json, Object};

//! One file a command: resolve what was typed, call the library, render.

pub(crate) mod check;
mod resolve;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod show;
pub(crate) mod status;

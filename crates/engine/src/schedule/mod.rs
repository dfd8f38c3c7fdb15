//! When a batch may post, and when it will be done.
//!
//! Values and arithmetic only: `now` is an argument, and so is the time zone, which the shell looks up.
//!
//! [`Hours`] are what an operator writes, [`Openings`] the spans of time that they come to in a zone, and a [`Schedule`]
//! forecasts from them and the limits when a number of rows will be done.

mod forecast;
mod hours;
mod openings;
mod words;

pub use forecast::{Forecast, Load, Schedule, soonest};
pub use hours::{Hours, HoursError};
pub use openings::{Openings, TooShort};

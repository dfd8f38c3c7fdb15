//! When a batch may post, and when it will be finished.
//!
//! Only values and arithmetic: `now` is an argument, and so is the time zone, which the runtime looks up.
//!
//! [`Hours`] are the operator's setting, [`Openings`] the spans of time that they cover in a zone. A [`Schedule`]
//! forecasts from these and the limits when a number of rows will be finished.

mod forecast;
mod hours;
mod openings;
mod words;

pub use forecast::{Forecast, Load, Schedule, soonest};
pub use hours::{Hours, HoursError};
pub use openings::{Openings, TooShort};

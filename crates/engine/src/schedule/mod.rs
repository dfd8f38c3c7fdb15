//! When a batch may post, and when it will be finished.
//!
//! Only values and arithmetic: `now` and the time zone are arguments; the runtime looks the zone up.
//!
//! [`Hours`] are the operator's setting, [`Openings`] the resulting spans of time in a zone. A [`Schedule`]
//! uses these and the limits to forecast when a number of rows will be finished.

mod forecast;
mod hours;
mod openings;
mod words;

pub use forecast::{Forecast, Load, Schedule, soonest};
pub use hours::{Hours, HoursError};
pub use openings::{Openings, TooShort};

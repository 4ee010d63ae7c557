//! Series of outcomes over many runs: which failures are new, which go on, what was fixed, what is flaky, the last good and
//! the first bad run of each.

pub mod json;
mod series;
mod text;

pub use series::{Point, Series, SeriesKey, SeriesState, series};
pub use text::text;

//! Where a series of builds changed.
//!
//! [`detect`] is E-Divisive in the variant of Apache Otava 0.8 ([`windows`]), and a test of the newest builds ([`newest`]),
//! for which it has too few values. [`by_permutation`] is E-Divisive with the test of its authors. All are deterministic.

mod energy;
mod newest;
mod options;
mod permutation;
mod point;
mod series;
mod windows;

pub use options::{Options, OptionsError};
pub use permutation::{MOST_PERMUTED, PERMUTATIONS, by_permutation};
pub use point::{ChangePoint, FoundBy};
pub use series::{Series, SeriesError};

/// The fewest builds of which "no change" says something: with fewer, the newest build has no stable segment to be compared
/// with, and E-Divisive alone finds a step at the end of a short series only where there is hardly any noise. Of two builds
/// it finds none however large.
pub const LEAST_BUILDS: usize = newest::LEAST_STABLE + 1;

/// The change points of a series, by index.
///
/// Larger is worse: in both directions a change is found that enough builds show, but of the newest builds only a change for
/// the worse.
pub fn detect(series: &Series, options: &Options) -> Vec<ChangePoint> {
    let mut points = windows::points(series, options);
    let stable = points.last().map_or(0, |point| point.index);
    if options.newest() > 0.0 {
        points.extend(newest::point(series, stable, options));
    }
    points
}

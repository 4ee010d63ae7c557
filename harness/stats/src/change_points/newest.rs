//! The newest builds against the last stable segment.
//!
//! E-Divisive has one value after a change that came with the newest build; what it finds of such a change depends on its
//! window. This test is for that build alone: is what was measured last worse than what was measured since the last change,
//! by one-sided t with the variance of a sample? It is no part of E-Divisive or Otava. What it finds is provisional: without a
//! change it finds one in up to two of a hundred nights, fewer where the floor is above the noise.

use super::options::Options;
use super::point::{ChangePoint, FoundBy};
use super::series::Series;
use crate::student::{Side, above, pooled};

/// The fewest builds that are a stable segment.
pub(super) const LEAST_STABLE: usize = 10;

/// How many of the newest builds may be the changed ones: 1 to this. A change that is older has values enough.
pub(super) const MOST_NEW: usize = 2;

/// The change for the worse that the newest builds show, if they do. `start` is where the last segment begins.
pub(super) fn point(series: &Series, start: usize, options: &Options) -> Option<ChangePoint> {
    let (values, scale) = series.scaled();
    let segment = &values[start..];
    let mut best: Option<ChangePoint> = None;
    for new in 1..=MOST_NEW {
        let Some(stable) = segment.len().checked_sub(new).filter(|stable| *stable >= LEAST_STABLE) else { break };
        let (before, after) = (Side::of(&segment[..stable], 1), Side::of(&segment[stable..], 1));
        let p = pooled(before, after).map_or(1.0, |(t, df)| above(t, df));
        let point = ChangePoint::new(start + stable, before.mean * scale, after.mean * scale, p, FoundBy::Newest);
        let counts = p <= options.newest() && after.mean > before.mean && point.magnitude() > options.floor();
        if counts && best.is_none_or(|best| p < best.p) {
            best = Some(point);
        }
    }
    best
}

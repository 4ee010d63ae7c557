//! The time of one test on one machine.

use std::time::{Duration, Instant};

/// What a test may take beyond its time-out until its machine is given up: the guest is asked to
/// kill what runs first. Unscaled.
const GRACE: Duration = Duration::from_secs(10);

/// What is left of a test's time, in guest time: requests are cut to it.
pub(super) struct Clock {
    deadline: Instant,
    scale: f64,
}

impl Clock {
    pub(super) fn new(timeout: Duration, scale: f64) -> Self {
        Self { deadline: Instant::now() + timeout.mul_f64(scale), scale }
    }

    /// A duration of a suite, stretched for the machine and cut to what is left.
    pub(super) fn stretch(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale).min(self.left())
    }

    /// What is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What a test may take beyond its time.
    pub(super) fn grace(&self) -> Duration {
        GRACE.mul_f64(self.scale.clamp(1.0, 4.0))
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

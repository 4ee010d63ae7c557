//! How often the machine behind a connection was reset. A reset kills every connection without a
//! word: what waits for the other side would wait for its whole limit, although whoever watches the
//! machine knows better.

use std::fmt;
use std::sync::Arc;

/// Counts the lives of a machine. Asked at least once a second by whatever waits for the guest.
#[derive(Clone, Default)]
pub struct Generations(Option<Arc<dyn Fn() -> u32 + Send + Sync>>);

impl Generations {
    /// Of a machine that nobody watches: silence is all that there is to see.
    pub fn unknown() -> Self {
        Self(None)
    }

    /// Of a machine whose resets `count` gives; it must never decrease.
    pub fn counted(count: impl Fn() -> u32 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(count)))
    }

    /// The life that the machine has now.
    pub(super) fn current(&self) -> u32 {
        self.0.as_ref().map_or(0, |count| count())
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(count) => write!(f, "Lives({})", count()),
            None => f.write_str("Lives(unknown)"),
        }
    }
}

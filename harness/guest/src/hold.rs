//! When somebody may log in to a guest that already answers. Whoever measures a boot must not take part in it: a login costs the
//! guest as much as a small unit, and when it comes depends on the host.

use std::fmt;
use std::sync::Arc;

/// Says when it is time to log in. Asked several times a second, from the moment at which sshd has greeted somebody.
#[derive(Clone, Default)]
pub struct Hold(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Hold {
    /// Somebody logs in as soon as he can.
    pub fn none() -> Self {
        Self(None)
    }

    /// Nobody logs in before `over` says so. It must do so within a time that it knows.
    pub fn until(over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(over)))
    }

    /// Whether it is time.
    pub(super) fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(|over| over())
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hold(asked)" } else { "Hold(none)" })
    }
}

//! When somebody may log in to a guest that already answers. Whoever measures a boot must not take part in it: a login costs the
//! guest as much as a small unit, and when it comes depends on the host.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Says when it is time to log in. Asked several times a second, from the moment at which sshd has greeted somebody until it is
/// time, and then no more in that life of the machine. Clones share what was answered.
#[derive(Clone, Default)]
pub struct Hold(Option<Arc<Held>>);

struct Held {
    over: Box<dyn Fn() -> bool + Send + Sync>,
    /// The life of the machine in which it was time.
    released: Mutex<Option<u32>>,
}

impl Hold {
    /// Somebody logs in as soon as he can.
    pub fn none() -> Self {
        Self(None)
    }

    /// Nobody logs in before `over` says so. It must do so within a time that it knows.
    pub fn until(over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Held { over: Box::new(over), released: Mutex::default() })))
    }

    /// Whether it is time, in that life of the machine. What was time once stays so: whoever dials again must not be held again.
    pub(super) fn is_over(&self, generation: u32) -> bool {
        let Some(held) = &self.0 else { return true };
        let mut released = held.released.lock().unwrap_or_else(PoisonError::into_inner);
        if *released != Some(generation) && (held.over)() {
            *released = Some(generation);
        }
        *released == Some(generation)
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hold(asked)" } else { "Hold(none)" })
    }
}

//! Whether instructions can be counted on this host.

use crate::AccelKind;
use crate::meter::unbuilt;
use crate::perf::{GuestInstructions, why_not};

/// Why the instructions of guests cannot be counted on this host under that accelerator; none when they can be.
pub fn uncounted(accel: AccelKind) -> Option<String> {
    match accel {
        AccelKind::Tcg => unbuilt().map(|error| error.to_string()),
        AccelKind::Kvm => GuestInstructions::of(std::process::id()).err().map(|error| why_not(&error)),
    }
}

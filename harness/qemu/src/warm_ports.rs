//! The virtio-serial ports on which a warm shell waits.

/// Names of the warm shell's ports in the guest.
pub(crate) const WARM_PORTS: [&str; 2] = ["muster.warm.0", "muster.warm.1"];

/// The device id of a warm port, as events name it.
pub(crate) fn warm_port_id(number: usize) -> String {
    format!("warm{number}")
}

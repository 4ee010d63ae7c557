//! The driver that really boots: images of this host, QEMU, SSH. A name for those outside; inside of
//! the crate each is taken from where it is.

pub use super::clones::HostTemplate;
pub use super::host::{Host, MeasuredBoots};
pub use super::host_driver::HostDriver;
pub use super::host_machine::HostMachine;
pub use super::images::HostImages;

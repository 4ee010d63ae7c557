//! Machines of this host: the accelerator, firmware, seed and QEMU. Nothing else knows QEMU. `engine` starts and ends them
//! through its `Driver`; `cli` uses [`accel`] and [`doctor`].
//!
//! A [`Machine`] is one QEMU process with its own overlay, variables and sockets. It is owned: when
//! the value is dropped, or the runner dies in any way, the process dies too. What the guest prints
//! is compared with rules while it prints (the crate `console`).

pub mod accel;
mod boot;
mod by_hand;
pub mod capsule;
mod capsule_state;
mod channels;
mod child_setup;
mod clones;
mod command_line;
mod counting;
mod death;
mod description;
pub mod doctor;
pub mod driver;
mod error;
mod firmware;
pub mod first_boot;
mod host;
mod host_driver;
mod host_machine;
mod images;
mod kept_templates;
mod kvm_probe;
mod last_line;
mod machine_files;
mod meter;
mod network;
mod perf;
mod preflight;
mod process;
mod qmp;
mod quiet;
mod reboot;
pub mod resume;
mod running;
pub mod saved;
mod seed;
mod series;
mod shape;
pub mod ssh_login;
mod start;
mod template;
mod template_files;
mod template_key;
pub mod template_store;
mod timeline;
mod tpm;
mod warm_ports;

pub use accel::{Accel, AccelKind, AccelRequest};
pub use counting::uncounted;
pub use description::Versions;
pub use error::MachineError;
pub use network::Network;
pub use preflight::{preflight, room_for_a_machine, room_to_unpack};
pub use process::Spawner;
pub use running::Machine;
pub use seed::RunKey;
pub use start::MachineRequest;
pub use template_store::TemplateStore;

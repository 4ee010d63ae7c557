//! The machine room: the accelerator, firmware, seed, QEMU and its console. Nothing else knows QEMU.
//! `run` starts machines and ends them; `cli` asks [`accel`] and [`doctor`].
//!
//! A [`Machine`] is one QEMU process with its own overlay, variables and sockets. It is owned: when
//! the value is dropped, or the runner dies in any way, the process dies too. What the guest prints
//! is judged while it prints ([`console`]).

pub mod accel;
pub mod capsule;
mod channels;
mod child_setup;
mod clones;
pub mod command_line;
pub mod doctor;
pub mod driver;
pub mod error;
pub mod firmware;
mod kept_templates;
mod kvm_probe;
mod machine_files;
pub mod network;
mod preflight;
pub mod process;
pub mod qmp;
pub mod reboot;
pub mod resume;
mod running;
pub mod saved;
pub mod seed;
pub mod ssh_login;
mod start;
mod template;
mod template_files;
pub mod template_key;
pub mod template_store;
pub mod tpm;

pub use accel::{Accel, AccelKind, AccelProbe, AccelRequest};
pub use command_line::{MachineDescription, Memory, WARM_PORTS};
pub use error::MachineError;
pub use network::Network;
pub use preflight::{preflight, room_for_a_machine, room_to_unpack};
pub use process::Spawner;
pub use running::{Machine, MachineEnd, MachineState, Tally};
pub use seed::RunKey;
pub use start::MachineRequest;
pub use template::{FreezeError, Template};
pub use template_key::TemplateKey;
pub use template_store::TemplateStore;

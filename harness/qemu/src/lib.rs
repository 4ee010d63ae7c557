//! The machine room: the accelerator, firmware, seed, QEMU and its console. Nothing else knows QEMU.
//! `run` starts machines and ends them; `cli` asks [`accel`] and [`doctor`].
//!
//! A [`Machine`] is one QEMU process with its own overlay, variables and sockets. It is owned: when
//! the value is dropped, or the runner dies in any way, the process dies too. What the guest prints
//! is judged while it prints ([`console`]).

pub mod accel;
mod body;
pub mod capsule;
mod child_setup;
pub mod command_line;
pub mod doctor;
pub mod driver;
pub mod entrance;
pub mod error;
pub mod firmware;
mod fork;
mod kvm_probe;
mod living;
pub mod network;
mod preflight;
pub mod process;
pub mod qmp;
pub mod reboot;
pub mod resume;
pub mod saved;
pub mod seed;
mod start;
mod template;
mod template_files;
pub mod template_key;
pub mod template_store;
pub mod tpm;
mod warm;
mod wiring;

pub use accel::{Accel, AccelKind, AccelProbe, AccelRequest};
pub use command_line::{MachineDescription, Memory, WARM_PORTS};
pub use error::MachineError;
pub use living::{Machine, MachineEnd, MachineState, Tally};
pub use network::Network;
pub use preflight::{preflight, room_for_a_machine, room_to_unpack};
pub use process::Spawner;
pub use seed::RunKey;
pub use start::MachineRequest;
pub use template::{FreezeError, Template};
pub use template_key::TemplateKey;
pub use template_store::TemplateStore;

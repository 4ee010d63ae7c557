//! Grammars: what can be a name. Every subject, every element of a set and every key of a mapping in an
//! attribute table has one, so that a spelling that can name nothing is an error when the suite is read
//! and never a `lacks`, a `not` or an `absent` that always holds.
//!
//! A grammar is one of three: a form (package names), a closed vocabulary (taint names), or a form with
//! names that are known (CPU flags: new kernels add some, so that an unknown name is accepted, but not
//! one that is a known name with one letter wrong).

pub mod accounts;
pub mod capabilities;
pub mod cpu;
mod cpu_flags;
pub mod file_systems;
mod form;
pub mod images;
pub mod kernel;
pub mod network;
pub mod packages;
pub mod partitions;
pub mod paths;
pub mod repositories;
pub mod system;
pub mod systemd;
pub mod text;

pub use form::{Grammar, Refusal};

/// All grammars, for tests and for the reference page.
pub fn all() -> Vec<&'static Grammar> {
    let groups: [&[&Grammar]; 14] = [
        accounts::ALL,
        capabilities::ALL,
        kernel::ALL,
        cpu::ALL,
        file_systems::ALL,
        images::ALL,
        network::ALL,
        packages::ALL,
        repositories::ALL,
        partitions::ALL,
        paths::ALL,
        system::ALL,
        systemd::ALL,
        text::ALL,
    ];
    groups.concat()
}

#[cfg(test)]
mod tests;

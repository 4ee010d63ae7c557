//! The check types, one file each: its attribute table, its probes, what replies are worth.
//!
//! A new one is a file here, its `mod` line and its line in [`registry`].

pub mod accounts;
pub mod block;
pub mod boot;
pub mod boot_baseline;
pub mod closure;
pub mod command;
pub mod cpu;
pub mod crypto_policy;
pub mod deployment;
pub mod disk_image;
pub mod file;
mod file_capabilities;
pub mod footprint;
pub mod group;
pub mod http;
pub mod identity;
pub mod interface;
pub mod isa;
pub mod kconfig;
pub mod kernel;
pub mod listeners;
pub mod log;
pub mod module;
pub mod mount;
pub mod package;
pub mod port;
pub mod process;
pub mod repo;
pub mod repos;
pub mod resolve;
pub mod rpm_macro;
pub mod rpmdb;
pub mod secure_boot;
pub mod selinux;
mod selinux_policy;
pub mod service;
pub mod soname;
pub mod sshd;
pub mod sysctl;
pub mod tool;
pub mod tpm;
pub mod units;
pub mod user;
pub mod writable;

use crate::check::Check;

/// All check types, in the order of the reference page.
pub fn registry() -> &'static [&'static dyn Check] {
    static REGISTRY: &[&dyn Check] = &[
        &command::Command,
        &package::Package,
        &rpmdb::Rpmdb,
        &closure::Closure,
        &repo::Repo,
        &repos::AllRepos,
        &rpm_macro::RpmMacro,
        &soname::Soname,
        &tool::Tool,
        &file::File,
        &writable::Writable,
        &user::User,
        &group::Group,
        &accounts::Accounts,
        &service::Service,
        &units::Units,
        &port::Port,
        &listeners::Listeners,
        &process::Process,
        &sysctl::Sysctl,
        &module::Module,
        &kconfig::Kconfig,
        &kernel::Kernel,
        &cpu::Cpu,
        &isa::Isa,
        &mount::Mount,
        &block::Block,
        &interface::Interface,
        &resolve::Resolve,
        &http::Http,
        &boot::Boot,
        &log::Log,
        &selinux::Selinux,
        &crypto_policy::CryptoPolicy,
        &sshd::Sshd,
        &identity::Identity,
        &deployment::Deployment,
        &disk_image::DiskImage,
        &footprint::Footprint,
        &tpm::Tpm,
        &secure_boot::SecureBoot,
    ];
    REGISTRY
}

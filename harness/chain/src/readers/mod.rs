//! One file for each kind of chain, and its line here. The order matters: a file is read by the first that knows it, so
//! what is known by its first bytes or its name stands before what is known by its looks.

mod ansible;
mod blueprint;
mod cloud_config;
mod comps;
mod containerfile;
mod elf;
mod facts;
mod kickstart;
mod kiwi;
mod list;
mod mkosi;
mod rpm;
mod script;
mod spec;
mod tarball;
mod unit;

use crate::reader::Reader;

/// All of them.
pub(crate) const ALL: &[&dyn Reader] = &[
    &rpm::Rpm,
    &elf::Elf,
    &tarball::Tarball,
    &comps::Comps,
    &kiwi::Kiwi,
    &facts::Facts,
    &cloud_config::CloudConfig,
    &containerfile::Containerfile,
    &script::Script,
    &kickstart::Kickstart,
    &mkosi::Mkosi,
    &unit::Unit,
    &spec::Spec,
    &blueprint::Blueprint,
    &ansible::Ansible,
    &list::List,
];

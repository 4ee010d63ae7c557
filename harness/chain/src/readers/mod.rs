//! One file for each kind of chain, and its line here. The order matters: a file is read by the first that knows it, so
//! what is known by its first bytes or its name stands before what is known by its looks.

mod ansible;
mod cloud_config;
mod list;
mod mkosi;
mod unit;

use crate::reader::Reader;

/// All of them.
pub(crate) const ALL: &[&dyn Reader] = &[&cloud_config::CloudConfig, &mkosi::Mkosi, &unit::Unit, &ansible::Ansible, &list::List];

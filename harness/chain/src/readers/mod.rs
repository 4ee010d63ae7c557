//! One file for each kind of chain, and its line here. The order matters: a file is read by the first that knows it, so
//! what is known by its first bytes or its name stands before what is known by its looks.

mod ansible;
mod list;

use crate::reader::Reader;

/// All of them.
pub(crate) const ALL: &[&dyn Reader] = &[&ansible::Ansible, &list::List];

//! One file for each kind of chain, and its line here. The order matters: a file is read by the first that knows it, so
//! what is known by its first bytes or its name stands before what is known by its looks.

mod containerfile;
mod kickstart;
mod list;
mod script;

use crate::reader::Reader;

/// All of them.
pub(crate) const ALL: &[&dyn Reader] =
    &[&containerfile::Containerfile, &script::Script, &kickstart::Kickstart, &list::List];

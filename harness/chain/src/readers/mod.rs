//! One file for each kind of chain, and its line here. The order matters: a file is read by the first that knows it, so
//! what is known by its first bytes or its name stands before what is known by its looks.

mod ansible;
mod azldev;
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

use std::sync::Arc;

use crate::chain::{Chain, ChainKind};
use crate::reader::{ReadError, Reader, Reading, Source};

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
    &azldev::Azldev,
    &blueprint::Blueprint,
    &ansible::Ansible,
    &list::List,
];

/// All readers, in the order in which they are tried.
pub fn readers() -> &'static [&'static dyn Reader] {
    ALL
}

/// Reads a file by the first reader that it is for, or by the one for `kind`.
///
/// # Errors
/// No reader is for it, or it cannot be read as a whole.
pub fn read(source: &Source<'_>, kind: Option<ChainKind>) -> Result<Chain, ReadError> {
    let named = |reader: &&&dyn Reader| kind.map_or_else(|| reader.fits(source), |kind| reader.kind() == kind);
    let reader = readers().iter().find(named).ok_or_else(|| ReadError::Unknown { file: source.path.to_string() })?;
    let file: Arc<str> = Arc::from(source.path.as_str());
    let mut reading = Reading::new(&file, reader.kind());
    reader.read(source, &mut reading)?;
    Ok(reading.end())
}

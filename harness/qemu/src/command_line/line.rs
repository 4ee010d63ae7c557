//! A command line of QEMU that grows.

use std::os::fd::RawFd;

use serde_json::Value;

/// Its words so far.
pub(super) struct Line(pub(super) Vec<String>);

impl Line {
    pub(super) fn flag(&mut self, name: &str) -> &mut Self {
        self.0.push(name.to_owned());
        self
    }

    pub(super) fn option(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(name.to_owned());
        self.0.push(value.into());
        self
    }

    /// JSON needs none of the comma rules of QEMU's own syntax, whatever a path contains.
    pub(super) fn node(&mut self, node: Value) -> &mut Self {
        self.option("-blockdev", node.to_string())
    }

    pub(super) fn add_fd(&mut self, fd: RawFd, set: u32) -> String {
        self.option("-add-fd", format!("fd={fd},set={set}"));
        format!("/dev/fdset/{set}")
    }
}

/// A value inside QEMU's comma syntax: a comma is written twice.
pub(super) fn escaped(text: &str) -> String {
    text.replace(',', ",,")
}

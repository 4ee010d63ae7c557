//! Real machines: what happens to a run when an image, a guest or the runner itself misbehaves.
//! Every test boots `lab-tiny` or refuses to boot something; none has a sleep in place of a
//! condition, all have deadlines.

#[path = "../support/mod.rs"]
mod support;

mod bisect;
mod boot;
mod boot_time;
mod capsule;
mod clones;
mod compare;
mod devices;
mod faults;
mod first_boot;
mod hostile;
mod image;
mod kernels;
mod machine_spec;
mod network;
mod port;
mod prove;
mod reboot;
mod runner;
mod side_by_side;
mod steps;
mod together;
mod verdict;
mod warm;

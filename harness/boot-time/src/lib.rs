//! What a boot took: its [`sample::Sample`]s with phases, units and instructions, how they are made of what the guest, the console and
//! the host say ([`measure`](mod@measure)), and what others read of them ([`pictures`]). Pure: nothing
//! is booted and nothing is read here.

mod console;
pub mod curve;
pub mod measure;
pub mod pictures;
pub mod sample;
pub mod units;

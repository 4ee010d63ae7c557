//! What a boot took: its [`sample::Sample`]s with phases, units and instructions, how they are made of what the guest, the
//! console and the host say ([`systemd_text`]), and what other programs read of them. Pure: nothing is booted and nothing
//! is read here.

pub mod sample;
pub mod systemd_text;

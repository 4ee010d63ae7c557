//! What a boot took: its [`sample::Sample`]s with phases, units and instructions, how they are made of what the guest, the
//! console and the host say ([`systemd_text`]), and what other programs read of them ([`formats`]). Pure: nothing is booted and nothing
//! is read here.

pub mod formats;
pub mod sample;
pub mod systemd_text;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

//! What a boot took: its [`sample::Sample`]s with phases, units and instructions, how they are made of what the guest, the console and
//! the host say ([`measure`](mod@measure), [`systemd_text`]), and what others read of them ([`formats`], [`pictures`]). Pure: nothing
//! is booted and nothing is read here.

mod console;
pub mod curve;
pub mod formats;
pub mod measure;
pub mod pictures;
pub mod sample;
pub mod systemd_text;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod units;

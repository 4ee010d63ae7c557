//! What a boot took: its [`sample::Sample`]s with phases, units and instructions, how they are made of what the guest, the console and
//! the host say ([`measure`](mod@measure), [`systemd_text`]), whether another image's boots take longer ([`verdict`], [`baseline`],
//! [`history`]), and what others read of them ([`text`], [`formats`], [`pictures`]). Pure: nothing is booted and nothing is read here.

pub mod baseline;
pub mod by;
pub mod comparison;
mod console;
pub mod curve;
pub mod formats;
pub mod history;
pub mod measure;
pub mod median;
pub mod pictures;
pub mod sample;
pub mod systemctl_show;
pub mod systemd_text;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod units;
pub mod verdict;

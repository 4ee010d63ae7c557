//! What the guest is and has, learnt once after its boot, by which tests are gated.

mod parse;
pub mod probe;

pub use parse::os_release;
pub use probe::OWN_IS_DPKG;

use super::connection::Guest;
use super::error::GuestError;
use super::reply::Reply;
use muster_record::facts::Facts;

/// Asks the guest what it is, in one round trip. `scale` stretches the time-outs of the probes.
pub async fn collect(guest: &Guest, scale: f64) -> Result<Facts, GuestError> {
    let mut replies = Vec::new();
    for reply in guest.batch(probe::requests(scale)).await {
        replies.push(reply?);
    }
    parse(&replies)
}

/// What the answers to [`probe::requests`] say, one for each, in order.
pub fn parse(replies: &[Reply]) -> Result<Facts, GuestError> {
    parse::facts(replies)
}

#[cfg(test)]
mod tests;

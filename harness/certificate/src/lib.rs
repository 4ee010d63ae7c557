//! A certificate: what was tested, with which result, signed by whom, until when. Made of the records of runs, a
//! policy and a decision of the crate `gate`; verified by making all of it again from the evidence. Pure: values and bytes
//! in, values and bytes out; whoever calls reads files, signs, and knows the time. It uses `base`, `record`, `suite` and
//! `gate`.
//!
//! - [`model`]: the contract `certificate/v1`, in `reports/schema/certificate-v1.json`.
//! - [`evidence`]: what was read of the runs, the policy, the profile and the waivers.
//! - [`compute`]: evidence becomes a certificate, or reasons why there is none.
//! - [`supportable`]: the suite that must have passed, and what the program knows that makes or verifies a certificate.
//! - [`verify`]: everything for which a certificate is refused, all reasons at once.
//! - [`refusal`]: the reasons, with stable ids.
//! - [`envelope`], [`sshsig`], [`statement`], [`names`], [`parts`]: the formats of others, and the files of a certificate.
//! - [`test_result`], [`summary`]: the statements of in-toto and SLSA that go with one.
//! - [`written`]: a page for the customer, and what a verifier prints.

mod compare;
pub mod compute;
pub mod envelope;
pub mod evidence;
pub mod model;
pub mod names;
pub mod parts;
mod reasons;
pub mod refusal;
mod required;
mod results;
mod runs;
pub mod sshsig;
pub mod statement;
pub mod summary;
pub mod supportable;
pub mod test_result;
#[cfg(test)]
mod testing;
pub mod verify;
pub mod written;

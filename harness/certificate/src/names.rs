//! The files of a certificate next to its evidence, whose names are in [`crate::evidence`].

/// The envelope.
pub const ENVELOPE: &str = "certificate.json";
/// The bytes that were signed.
pub const SIGNED: &str = "certificate.signed";
/// The signature of these, as `ssh-keygen` writes it.
pub const SIGNATURE: &str = "certificate.sig";
/// The same as a test result of in-toto, in an envelope of its own.
pub const TEST_RESULT: &str = "test-result.json";
/// The page for the customer.
pub const PAGE: &str = "certificate.html";
/// All of them.
pub const FILES: [&str; 5] = [ENVELOPE, SIGNED, SIGNATURE, TEST_RESULT, PAGE];
/// Bytes of each of them at most: 128 MiB.
pub const LARGEST: u64 = 128 << 20;

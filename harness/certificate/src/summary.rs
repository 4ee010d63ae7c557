//! A verification summary of SLSA (`verification_summary/v1`): a verifier's own statement, for those who trust the
//! verifier and do not want to verify.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{CertificateStatement, Status};
use crate::statement::Statement;

/// The type of the predicate.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// What a verifier found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationSummary {
    /// Who verified.
    pub verifier: Verifier,
    /// When, RFC 3339, UTC.
    pub time_verified: String,
    /// The first subject, by its digest (RFC 6920).
    pub resource_uri: String,
    /// The policy that was demanded; where none was, the one that the certificate satisfies.
    pub policy: ResourceReference,
    /// `certificate.json`.
    pub input_attestations: Vec<ResourceReference>,
    /// `PASSED` or `FAILED`.
    pub verification_result: String,
    /// `MUSTER_CERTIFIED` or `MUSTER_CERTIFIED_WITH_NOTES`; empty where it failed.
    pub verified_levels: Vec<String>,
}

/// Who verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// A URI.
    pub id: String,
    /// `muster`, and its version.
    pub version: BTreeMap<String, String>,
}

/// A file somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceReference {
    /// Its digest as a URI.
    pub uri: String,
    /// `sha256`, hex.
    pub digest: BTreeMap<String, String>,
}

/// The digest as a URI of RFC 6920; of text that is no digest, an empty one.
fn ni(sha256: &str) -> String {
    let byte = |at: usize| sha256.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..sha256.len()).step_by(2).map(byte).collect();
    format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default()))
}

fn reference(sha256: &str) -> ResourceReference {
    ResourceReference { uri: ni(sha256), digest: BTreeMap::from([("sha256".to_owned(), sha256.to_owned())]) }
}

/// How a certificate was verified.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'v> {
    /// The bytes of its `certificate.json`.
    pub envelope: &'v [u8],
    /// SHA-256 of the policy that the verifier demanded, hex; `None` where it demanded none.
    pub policy: Option<&'v str>,
    /// Whether there was no reason to refuse it.
    pub accepted: bool,
}

/// Of a certificate that was verified. The policy is the one that the verifier demanded, and the certificate's own only where
/// none was: a summary that says `FAILED` must not name the policy that was refused.
pub fn summary(
    statement: &CertificateStatement,
    verified: &Verified<'_>,
    verifier: &str,
    muster: &str,
    at: Timestamp,
) -> Statement<VerificationSummary> {
    let level = match statement.predicate.status {
        Status::Certified => "MUSTER_CERTIFIED",
        Status::CertifiedWithNotes => "MUSTER_CERTIFIED_WITH_NOTES",
    };
    let Verified { envelope, policy, accepted } = *verified;
    let first = statement.subject.first().map_or("", |subject| subject.sha256());
    let predicate = VerificationSummary {
        verifier: Verifier {
            id: verifier.to_owned(),
            version: BTreeMap::from([("muster".to_owned(), muster.to_owned())]),
        },
        time_verified: at.to_string(),
        resource_uri: ni(first),
        policy: reference(policy.unwrap_or(&statement.predicate.policy.sha256)),
        input_attestations: vec![reference(&muster_base::text::hex(Sha256::digest(envelope)))],
        verification_result: if accepted { "PASSED" } else { "FAILED" }.to_owned(),
        verified_levels: accepted.then(|| level.to_owned()).into_iter().collect(),
    };
    Statement::new(statement.subject.clone(), PREDICATE_TYPE, predicate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_one_that_was_demanded() {
        let (statement, _) = crate::testing::Scene::new("").statement();
        let own = statement.predicate.policy.sha256.clone();
        let of = |policy: Option<&str>, accepted| {
            let verified = Verified { envelope: b"{}", policy, accepted };
            summary(&statement, &verified, "urn:x", "1.0", Timestamp::UNIX_EPOCH).predicate
        };
        let other = crate::testing::digest(9);
        let refused = of(Some(&other), false);
        assert_eq!(
            (refused.policy.digest["sha256"].as_str(), refused.verification_result.as_str()),
            (&*other, "FAILED")
        );
        assert_eq!(of(None, true).policy.digest["sha256"], own);
    }

    #[test]
    fn a_digest_is_a_uri_as_in_the_examples_of_rfc_6920() {
        let hello = muster_base::text::hex(Sha256::digest("Hello World!"));
        assert_eq!(ni(&hello), "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk");
        assert_eq!(ni("x"), "ni:///sha-256;");
        assert_eq!(ni("é"), "ni:///sha-256;");
    }
}

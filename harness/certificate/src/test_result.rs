//! The same as a test result of in-toto (`test-result/v0.1`), for consumers that know no other. It has no skipped, errored
//! or waived tests, no time and no tool: a consumer that needs these reads the certificate.

use serde::{Deserialize, Serialize};

use muster_gate::decision::{Requirement, RequirementKind, RequirementState, in_words};

use crate::model::{Certificate, ImageCertified, Status};
use crate::statement::{Descriptor, Statement};

/// The type of the predicate.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// A test result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestResult {
    /// `PASSED`, or `WARNED` of a certificate with notes.
    pub result: String,
    /// The policy, the profile and the images.
    pub configuration: Vec<Descriptor>,
    /// Tests of the profile that passed.
    pub passed_tests: Vec<String>,
    /// Tests that were waived, or did not pass and are not required.
    pub warned_tests: Vec<String>,
    /// None: a certificate has none.
    pub failed_tests: Vec<String>,
}

/// Of a certificate. With several images each test is named with its own: `s/a [fedora 43 x86_64 5f3c9a1e0b7d]`.
pub fn test_result(certificate: &Certificate) -> Statement<TestResult> {
    let (mut passed, mut warned) = (Vec::new(), Vec::new());
    let several = certificate.images.len() > 1;
    for image in &certificate.images {
        for one in image.decision.requirements.iter().filter(|one| one.kind == RequirementKind::Test) {
            match one.state {
                RequirementState::Passed => passed.push(named(one, image, several)),
                RequirementState::Excluded => {}
                _ => warned.push(named(one, image, several)),
            }
        }
    }
    let mut configuration = vec![Descriptor::new(&certificate.policy.file, &certificate.policy.sha256)];
    configuration.extend(certificate.profile.as_ref().map(|profile| Descriptor::new(&profile.file, &profile.sha256)));
    configuration.extend(certificate.images.iter().map(|image| Descriptor::new(image.name(), &image.sha256)));
    let result = match certificate.status {
        Status::Certified => "PASSED",
        Status::CertifiedWithNotes => "WARNED",
    };
    let predicate = TestResult {
        result: result.to_owned(),
        configuration,
        passed_tests: passed,
        warned_tests: warned,
        failed_tests: Vec::new(),
    };
    Statement::new(certificate.subject(), PREDICATE_TYPE, predicate)
}

fn named(one: &Requirement, image: &ImageCertified, several: bool) -> String {
    let cell = if one.cell.is_empty() { String::new() } else { format!(" {{{}}}", in_words(&one.cell)) };
    let digest: String = image.sha256.chars().take(12).collect();
    let image = if several { format!(" [{} {digest}]", image.system()) } else { String::new() };
    format!("{}{cell}{image}", one.name)
}

//! Why a certificate is refused: stable ids that pipelines may branch on. What cannot be known is refused as well.

use muster_base::text::one_line;
use serde::Serialize;

/// Characters of one detail at most.
const LONGEST: usize = 500;

macro_rules! refusals {
    ($( $(#[$doc:meta])* $variant:ident = $id:literal, $meaning:literal, $next:literal; )*) => {
        /// A reason, in the order in which reasons are printed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalId { $( #[doc = $meaning] $variant ),* }

        impl RefusalId {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),* ];

            /// The id, such as `evidence.modified`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $id ),* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$variant => $meaning ),* }
            }

            /// What to do next.
            pub fn next(self) -> &'static str {
                match self { $( Self::$variant => $next ),* }
            }
        }
    };
}

refusals! {
    SignatureMissing = "signature.missing", "A file of the signature is not there.", "get the whole directory again from who signed it";
    SignatureInvalid = "signature.invalid", "The signature is not one of these bytes.", "get the whole directory again from who signed it";
    SignatureUnknownKey = "signature.unknown-key", "The file of signers has no line for the key.", "add the key to it, if you trust who holds it";
    SignatureExpiredKey = "signature.expired-key", "The key is not valid at the time of the verification, or was not when it signed.", "a certificate signed with a key that is valid is needed";
    SignatureNamespace = "signature.namespace", "The signature, or the line of the key, is for another purpose.", "sign with `muster certify`; the namespace is muster-certificate";
    SignatureIdentity = "signature.identity", "The key does not belong to the identity that is named.", "name the identity as the file of signers has it";
    FormatEnvelope = "format.envelope", "A file of the certificate is not as muster writes it.", "get the whole directory again from who signed it";
    FormatStatement = "format.statement", "What was signed is no certificate that this version reads.", "use the version of muster that wrote it, or a later one";
    FormatPage = "format.page", "The page has a form that this version does not write.", "use the version of muster that wrote it, or a later one";
    FormatEvidence = "format.evidence", "The policy or the profile of the evidence cannot be read.", "`muster check` says what is wrong with it";
    SubjectMismatch = "subject.mismatch", "The image at hand, or that of the runs, is not the one that is certified.", "test and certify the image that ships";
    ProductMismatch = "product.mismatch", "The product at hand, or that of the runs, is not the one that is certified.", "test with `muster run --product` what ships, and certify that";
    ProfileUnknown = "profile.unknown", "The profile is not the one that is demanded, or that the policy names.", "certify with the profile that the verifier gives out";
    ProfileModified = "profile.modified", "The profile has the id of the one that is demanded, and differs, or does not fit the policy.", "`muster profile diff` shows the difference";
    ProfileRetired = "profile.retired", "The last day of the profile is over.", "certify with the profile that replaces it";
    PolicyOther = "policy.other", "The policy is not the one that is demanded.", "certify with the policy that the verifier gives out";
    ResultMissing = "result.missing", "A required test has no result, was skipped, errored, or too little was tested.", "run what has no result again, after the cause of an error is removed, and certify those runs";
    ResultFailed = "result.failed", "A required test failed, or failed as a known issue says, without a waiver.", "fix what fails, or have it waived for this image";
    ResultZero = "result.zero", "No required test passed.", "run the required tests";
    FlakyRequired = "flaky.required", "A required test passed only after a failure, and the policy does not accept that.", "find out why it fails at times";
    SystemMissing = "system.missing", "A system that the policy requires is none of the images that are certified.", "test that system, and certify its run together with the others";
    SupportableMissing = "supportable.missing", "The suite supportable did not run to a result on an image that is certified, or not whole.", "run `muster run supportable` on it, and certify that run too";
    SupportableFailed = "supportable.failed", "A test of the suite supportable did not pass on an image that is certified.", "certify the system as its vendor ships it; no waiver helps";
    RunIncomplete = "run.incomplete", "A run was interrupted, did not end, was focused, or is no pass as a whole.", "run all of it anew";
    RunMerged = "run.merged", "The runs do not agree on an image, a suite, a version of muster, or a record.", "certify runs of one version of muster and its suites";
    EvidenceMissing = "evidence.missing", "A file of the evidence is not there.", "certify the whole run, and each run that it goes on with";
    EvidenceAdditional = "evidence.additional", "There is a file that the certificate does not list.", "remove it, or get the directory again";
    EvidenceModified = "evidence.modified", "A file of the evidence is not the one that was signed, or cannot be read.", "get the whole directory again from who signed it";
    EvidenceDisagrees = "evidence.disagrees", "What the evidence says, computed again, is not what the certificate says.", "trust neither; have the image tested again";
    WaiverInvalid = "waiver.invalid", "A waiver does not count, or its file cannot be read.", "leave it out, or have it approved as the policy says";
    WaiverExpired = "waiver.expired", "The last day of a waiver that is needed is over.", "fix what it covers, or have it approved again and certify anew";
    MachineUntrusted = "machine.untrusted", "A machine was not booted from the image that is certified.", "run without --connect, on the image file";
    ToolModified = "tool.modified", "A suite is not the one of the profile, muster was built from changed sources, or it is not the program that is demanded.", "run the suites as they were locked, with a released muster";
    ToolOld = "tool.old", "The certificate was written, or a run was made, by an older muster than is accepted.", "run the tests with an accepted version, and certify that";
    TimeFuture = "time.future", "The certificate, or a run, is from the future.", "compare the clocks of both hosts";
    TimeExpired = "time.expired", "The certificate is no longer valid.", "test and certify anew";
    TimeTooOld = "time.too-old", "A run is older than is accepted.", "test and certify anew";
}

impl Serialize for RefusalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A reason, with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// Which.
    pub id: RefusalId,
    /// What was found and where: one escaped line of at most 500 characters.
    pub message: String,
}

impl Refusal {
    /// `message` may hold anything.
    pub fn new(id: RefusalId, message: impl AsRef<str>) -> Self {
        Self { id, message: one_line(message.as_ref(), LONGEST) }
    }
}

/// All reasons in their order, each once.
pub fn sorted(mut refusals: Vec<Refusal>) -> Vec<Refusal> {
    refusals.sort();
    refusals.dedup();
    refusals
}

/// The table of `docs/certificates.md`.
pub fn markdown() -> String {
    let row = |id: &RefusalId| format!("| `{}` | {} | {} |\n", id.name(), id.meaning(), id.next());
    let rows: String = RefusalId::ALL.iter().map(row).collect();
    format!("| id | meaning | what to do |\n|---|---|---|\n{rows}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_has_the_table_and_every_id_is_one() {
        let page = include_str!("../../../docs/certificates.md");
        assert!(page.contains(&markdown()), "docs/certificates.md needs this table:\n{}", markdown());
        let names: BTreeSet<&str> = RefusalId::ALL.iter().map(|id| id.name()).collect();
        assert_eq!(names.len(), RefusalId::ALL.len());
        for id in RefusalId::ALL {
            assert!(id.meaning().ends_with('.') && !id.next().ends_with('.'), "{}", id.name());
        }
    }

    #[test]
    fn a_message_is_one_line_without_control_characters() {
        let refusal = Refusal::new(RefusalId::RunMerged, format!("a\nb\x1b[2J{}", "x".repeat(900)));
        assert!(refusal.message.starts_with("a b\\x1b[2J") && refusal.message.chars().count() == LONGEST);
    }
}

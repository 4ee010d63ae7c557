//! The files of a certificate next to its evidence. All but the two envelopes follow from them byte for byte, so that a
//! byte that was changed anywhere is found.

use std::collections::BTreeMap;

use crate::envelope::{Envelope, pae};
use crate::model::{CertificateStatement, PREDICATE_TYPE, PageForm, SCHEMA};
use crate::names::{ENVELOPE, FILES, PAGE, SIGNATURE, SIGNED, TEST_RESULT};
use crate::refusal::{Refusal, RefusalId};
use crate::sshsig::{NAMESPACE, SshSignature};
use crate::statement::STATEMENT_TYPE;
use crate::test_result::test_result;
use crate::written::page::page;

/// A certificate that was read, its signatures not yet verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// What was signed.
    pub statement: CertificateStatement,
    /// The envelope of it.
    pub envelope: Envelope,
    /// The envelope of the test result; `None` where it is not there or is none.
    pub test_result: Option<Envelope>,
}

/// The bytes of a statement.
///
/// # Errors
/// None that can happen with values of these types.
pub fn payload<P: serde::Serialize>(statement: &P) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(statement)
}

/// All files of a certificate, from what was signed and both signatures; without the page where this version does not write
/// its form.
///
/// # Errors
/// None that can happen with values of these types.
pub fn files(
    statement: &CertificateStatement,
    signature: &SshSignature,
    of_test_result: &SshSignature,
) -> Result<BTreeMap<&'static str, Vec<u8>>, serde_json::Error> {
    let envelope = Envelope { payload: payload(statement)?, signature: signature.clone() };
    let result = Envelope { payload: payload(&test_result(&statement.predicate))?, signature: of_test_result.clone() };
    let mut files = BTreeMap::from([
        (ENVELOPE, envelope.render()?.into_bytes()),
        (SIGNED, pae(&envelope.payload)),
        (SIGNATURE, signature.armor().into_bytes()),
        (TEST_RESULT, result.render()?.into_bytes()),
    ]);
    files.extend(page(statement, &signature.fingerprint).map(|page| (PAGE, page.into_bytes())));
    Ok(files)
}

/// Reads the files. What is wrong with them are reasons; without a statement that can be read there are no parts.
pub fn read(files: &BTreeMap<String, Vec<u8>>) -> (Option<Parts>, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let mut refuse = |id, message: String| refusals.push(Refusal::new(id, message));
    for name in FILES.iter().filter(|name| !files.contains_key(**name)) {
        let id =
            if [ENVELOPE, SIGNATURE].contains(name) { RefusalId::SignatureMissing } else { RefusalId::FormatEnvelope };
        refuse(id, format!("{name} is not there"));
    }
    let Some(envelope) = files.get(ENVELOPE).and_then(|bytes| envelope(ENVELOPE, bytes, &mut refusals)) else {
        return (None, refusals);
    };
    let statement = match statement(&envelope.payload) {
        Ok(statement) => statement,
        Err(refusal) => {
            refusals.push(refusal);
            return (None, refusals);
        }
    };
    let test_result = files.get(TEST_RESULT).and_then(|bytes| self::envelope(TEST_RESULT, bytes, &mut refusals));
    let made = self::files(&statement, &envelope.signature, &envelope.signature).unwrap_or_default();
    if !made.is_empty() && !made.contains_key(PAGE) {
        let (PageForm(form), PageForm(newest)) = (statement.predicate.claim.page_form, PageForm::NEWEST);
        let message = format!("{PAGE} has the form {form}, and this version writes the forms up to {newest}");
        refusals.push(Refusal::new(RefusalId::FormatPage, message));
    }
    for name in [SIGNED, SIGNATURE, PAGE] {
        if let (Some(found), Some(made)) = (files.get(name), made.get(name))
            && found != made
        {
            let message = format!("{name} is not what follows from {ENVELOPE}");
            refusals.push(Refusal::new(RefusalId::EvidenceDisagrees, message));
        }
    }
    if let Some(found) = &test_result {
        let made = payload(&self::test_result(&statement.predicate)).unwrap_or_default();
        if found.payload != made {
            let message = format!("{TEST_RESULT} does not say what {ENVELOPE} says");
            refusals.push(Refusal::new(RefusalId::EvidenceDisagrees, message));
        }
        if found.signature.fingerprint != envelope.signature.fingerprint {
            let message = format!("{TEST_RESULT} is signed with another key than {ENVELOPE}");
            refusals.push(Refusal::new(RefusalId::SignatureInvalid, message));
        }
    }
    (Some(Parts { statement, envelope, test_result }), refusals)
}

fn envelope(name: &str, bytes: &[u8], refusals: &mut Vec<Refusal>) -> Option<Envelope> {
    let mut refuse = |id, message: String| refusals.push(Refusal::new(id, message));
    let Ok(text) = std::str::from_utf8(bytes) else {
        refuse(RefusalId::FormatEnvelope, format!("{name} is no text"));
        return None;
    };
    match Envelope::parse(text) {
        Ok(envelope) => {
            if envelope.signature.namespace != NAMESPACE {
                let of = &envelope.signature.namespace;
                refuse(RefusalId::SignatureNamespace, format!("{name} is signed for {of}, and not for {NAMESPACE}"));
            }
            Some(envelope)
        }
        Err(error) => {
            refuse(RefusalId::FormatEnvelope, format!("{name}: {error}"));
            None
        }
    }
}

/// Why a statement cannot be read. One that says which muster wrote it was most likely written by another version.
fn unread(bytes: &[u8], error: &serde_json::Error) -> String {
    let said: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let writer = said.as_ref().and_then(|said| said.pointer("/predicate/claim/muster")?.as_str());
    match writer {
        Some(writer) => format!(
            "its statement was written by muster {}, and does not have the form that this version reads ({error}): certify the runs again",
            muster_base::text::one_line(writer, 60)
        ),
        None => error.to_string(),
    }
}

/// The statement of a payload. Only the bytes that this version writes are one: nothing is in it that is not read.
fn statement(bytes: &[u8]) -> Result<CertificateStatement, Refusal> {
    let refusal = |why: String| Refusal::new(RefusalId::FormatStatement, format!("{ENVELOPE}: {why}"));
    let statement: CertificateStatement =
        serde_json::from_slice(bytes).map_err(|error| refusal(unread(bytes, &error)))?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        return Err(refusal(format!("it is a {}, and no {PREDICATE_TYPE}", statement.predicate_type)));
    }
    if statement.predicate.schema != SCHEMA {
        return Err(refusal(format!(
            "it has the schema {}, and this version reads {SCHEMA}",
            statement.predicate.schema
        )));
    }
    match payload(&statement) {
        Ok(again) if again == bytes => Ok(statement),
        _ => Err(refusal("its statement is not written as muster writes it".to_owned())),
    }
}

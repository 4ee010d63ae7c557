//! A verification for people at a terminal.

use std::collections::BTreeSet;

use muster_base::text::{escape, one_line, plural};

use crate::model::CertificateStatement;
use crate::refusal::{Refusal, RefusalId};
use crate::verify::Verification;

/// What a certificate says, in a few lines.
pub fn about(statement: &CertificateStatement) -> String {
    let certificate = &statement.predicate;
    let mut out = vec![format!("status: {}", certificate.status.name())];
    let product =
        |product: &crate::model::ProductCertified| format!("product: {} ({})", product.package, product.sha256);
    out.extend(certificate.products.iter().map(product));
    for image in &certificate.images {
        let tests = image.decision.tests(muster_gate::decision::RequirementState::Passed);
        let tests = format!("{tests} test{} passed", plural(tests));
        out.push(format!("image: {} ({}), {tests}", image.shown(), image.sha256));
    }
    out.push(format!("policy: {} ({})", certificate.policy.id, certificate.policy.context));
    out.extend(certificate.profile.as_ref().map(|profile| format!("profile: {}", profile.id)));
    let claim = &certificate.claim;
    out.push(format!(
        "signed: {}, valid until {}, assurance {}",
        claim.signed,
        claim.not_after,
        claim.assurance.name()
    ));
    // Nothing in it can begin a line of its own: it may not be signed by anybody who is trusted.
    out.into_iter().map(|line| format!("  {}\n", one_line(&line, 400))).collect()
}

/// All reasons, each with what it means and what to do, which is said once for each id.
pub fn refusals(refusals: &[Refusal]) -> String {
    let mut said: BTreeSet<RefusalId> = BTreeSet::new();
    let mut out = String::new();
    for refusal in refusals {
        out += &format!("  {}: {}\n", refusal.id.name(), refusal.message);
        let last = !refusals.iter().skip_while(|one| *one != refusal).skip(1).any(|one| one.id == refusal.id);
        if last && said.insert(refusal.id) {
            out += &format!("    next: {}\n", refusal.id.next());
        }
    }
    escape(&out)
}

/// The whole of it; without a statement, of a certificate that could not be read.
pub fn text(verification: &Verification, statement: Option<&CertificateStatement>) -> String {
    let headline = match verification.refusals.len() {
        0 => "ACCEPTED".to_owned(),
        count => format!("REFUSED: {count} reason{}", plural(count)),
    };
    let mut out = format!("{headline}\n");
    out += &refusals(&verification.refusals);
    if let Some(statement) = statement {
        if !verification.accepted {
            out += "what it claims:\n";
        }
        out += &about(statement);
    }
    if let Some(key) = verification.key.as_ref().filter(|_| verification.accepted) {
        let signer = verification.signer.as_deref().unwrap_or("unknown");
        out += &escape(&format!("  signer: {signer}, key {key}\n"));
    }
    for line in verification.not_compared.iter().filter(|_| verification.accepted) {
        out += &format!("  note: {line}\n");
    }
    out
}

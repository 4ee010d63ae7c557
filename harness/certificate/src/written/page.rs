//! `certificate.html`: one file without scripts, to read and to print. A verifier makes it again, so that the same
//! certificate must give the same bytes with every later version of muster: a page that is to look otherwise is a new
//! [`PageForm`] with a function of its own, and the earlier ones stay.

use std::collections::BTreeMap;

use muster_base::text::{plural, shell_word};
use muster_gate::decision::{Requirement, RequirementKind, RequirementState, WaiverFate, in_words};

use super::markup::{code, marked, table};
use super::required;
use crate::model::{Assurance, Certificate, CertificateStatement, ImageCertified, PageForm, Status, TestNoted};
use crate::names::{SIGNATURE, SIGNED};
use crate::sshsig::NAMESPACE;

/// What the page may do: look so, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}\
h1{border-left:.5rem solid #1a7f37;padding-left:.75rem}h1.notes{border-color:#9a6700}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border-bottom:1px solid #8884;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
code,pre{font-family:ui-monospace,monospace;font-size:.85em;overflow-wrap:anywhere}pre{white-space:pre-wrap;padding:.75rem;background:#8881}\
:root{color-scheme:light dark}@page{size:A4;margin:15mm}@media print{body{margin:0;max-width:none;font-size:10pt}h2{break-after:avoid}tr{break-inside:avoid}}";

/// The page in the form that the certificate names; `None` when this version of muster does not write that form.
/// `fingerprint` is that of the key that signed.
pub fn page(statement: &CertificateStatement, fingerprint: &str) -> Option<String> {
    match statement.predicate.claim.page_form {
        PageForm(1) => Some(form(statement, fingerprint, STYLE)),
        PageForm(2) => Some(form(statement, fingerprint, &format!("{STYLE}{}", required::STYLE))),
        PageForm(_) => None,
    }
}

fn form(statement: &CertificateStatement, fingerprint: &str, style: &str) -> String {
    let certificate = &statement.predicate;
    let named: Vec<String> = match certificate.products.is_empty() {
        true => certificate.images.iter().map(ImageCertified::system).collect(),
        false => certificate.products.iter().map(|product| product.package.clone()).collect(),
    };
    let class = if certificate.status == Status::Certified { "plain" } else { "notes" };
    let title = marked(&format!("{}: {}", certificate.status.name(), named.join(", ")));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{style}</style></head><body>\n<h1 class=\"{class}\">{title}</h1>\n"
    );
    out += &signed(certificate, fingerprint);
    out += &tested(certificate);
    out += &results(certificate);
    if lists_tests(certificate) {
        out += &section("Required tests", &required::table(certificate));
    }
    out += &exceptions(certificate);
    out += &circumstances(certificate);
    out += &evidence(certificate);
    out += &verifying(certificate);
    out + "</body></html>\n"
}

/// Whether the page is of a form that lists every required test, and says more of systems, waivers and programs.
fn lists_tests(certificate: &Certificate) -> bool {
    certificate.claim.page_form.lists_tests()
}

fn section(title: &str, body: &str) -> String {
    format!("<h2>{title}</h2>\n{body}")
}

fn signed(certificate: &Certificate, fingerprint: &str) -> String {
    let claim = &certificate.claim;
    let who = match &claim.identity {
        Some(identity) => format!("{} with the key {}", code(identity), code(fingerprint)),
        None => format!("whoever holds the key {}", code(fingerprint)),
    };
    let limit = match claim.assurance {
        Assurance::Signer => {
            "Assurance <b>self</b>: whoever holds this key ran the tests and says that they ended so. Nothing else proves it."
        }
        Assurance::Ci => {
            "Assurance <b>ci</b>: a CI system ran the tests and holds this key, as the signer says. Nothing else proves it."
        }
    };
    let mut rows = vec![
        vec!["Signed by".to_owned(), who],
        vec!["Signed at".to_owned(), marked(&claim.signed)],
        vec!["Valid until".to_owned(), marked(&claim.not_after)],
        vec!["Written by".to_owned(), marked(&format!("muster {}", claim.muster))],
        vec!["Limit".to_owned(), limit.to_owned()],
    ];
    rows.extend(claim.supersedes.as_ref().map(|digest| vec!["Replaces".to_owned(), code(digest)]));
    table(&["", ""], &rows)
}

fn tested(certificate: &Certificate) -> String {
    let mut out = String::new();
    if !certificate.products.is_empty() {
        let row = |product: &crate::model::ProductCertified| {
            vec![code(&product.package), marked(&product.file), code(&product.sha256)]
        };
        let rows: Vec<Vec<String>> = certificate.products.iter().map(row).collect();
        let title = if lists_tests(certificate) { "What is certified" } else { "What was tested" };
        out += &section(title, &table(&["Package", "File", "SHA-256"], &rows));
    }
    let row = |image: &ImageCertified| {
        let bytes = image.bytes.map_or_else(|| "unknown size".to_owned(), |bytes| format!("{bytes} bytes"));
        let entries = image.decision.subject.entries.join(", ");
        let system = match lists_tests(certificate) {
            true => required::system(image),
            false => marked(&image.system()),
        };
        vec![
            system,
            marked(&image.kernel),
            marked(&format!("{entries}: {} ({}, {bytes}, {})", image.name(), image.format, image.firmware)),
            code(&image.sha256),
        ]
    };
    let rows: Vec<Vec<String>> = certificate.images.iter().map(row).collect();
    let title = match (certificate.products.is_empty(), lists_tests(certificate)) {
        (true, true) => "What is certified",
        (true, false) => "What was tested",
        (false, _) => "On which systems",
    };
    let mut body = table(&["System", "Kernel", "Image", "SHA-256"], &rows);
    if lists_tests(certificate) {
        body += "<p>The digests are those that the runs have of the files that they tested. <code>muster verify --image FILE</code> \
                 compares the file at hand with them; without it no file was.</p>\n";
    }
    out += &section(title, &body);
    if !certificate.not_certified.is_empty() {
        let row = |image: &crate::model::ImageLeftOut| vec![marked(&image.entries.join(", ")), code(&image.sha256)];
        let rows: Vec<Vec<String>> = certificate.not_certified.iter().map(row).collect();
        out += "<p>The same runs have tested these images, of which nothing is certified:</p>\n";
        out += &table(&["Image", "SHA-256"], &rows);
    }
    out
}

fn results(certificate: &Certificate) -> String {
    let profile = certificate.profile.as_ref().map_or_else(
        || "no profile".to_owned(),
        |profile| format!("profile {} <small>{}</small>", code(&profile.id), code(&profile.sha256)),
    );
    let policy = &certificate.policy;
    let mut out = format!(
        "<p>Policy {} ({}) <small>{}</small>, {profile}.</p>\n",
        code(&policy.id),
        marked(&policy.context),
        code(&policy.sha256)
    );
    let row = |image: &ImageCertified| {
        let count = |state| image.decision.tests(state).to_string();
        let open = |one: &&Requirement| !one.satisfied;
        vec![
            marked(&image.shown()),
            count(RequirementState::Passed),
            count(RequirementState::Waived),
            count(RequirementState::Excluded),
            image.decision.requirements.iter().filter(open).count().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = certificate.images.iter().map(row).collect();
    out += &table(&["System", "Passed", "Waived", "Left out by the policy", "Not passed, and not required"], &rows);
    out += "<p>What each test expected and found is in the archive of its run, below <code>evidence/</code>: in its \
            <code>run.json</code>, <code>junit.xml</code> and <code>report.html</code>.</p>\n";
    section("Result", &out)
}

fn exceptions(certificate: &Certificate) -> String {
    let mut out = String::new();
    for image in &certificate.images {
        let body = of_image(image, lists_tests(certificate));
        let several = certificate.images.len() > 1;
        let title = if several { format!("<h3>{}</h3>\n", marked(&image.shown())) } else { String::new() };
        out += &format!("{title}{}", if body.is_empty() { "<p>None.</p>\n" } else { &body });
    }
    section("Exceptions", &out)
}

fn of_image(image: &ImageCertified, with_cells: bool) -> String {
    let mut out = String::new();
    let used = image.decision.waivers.iter().filter(|found| found.fate == WaiverFate::Used);
    let rows: Vec<Vec<String>> = used
        .map(|found| {
            let waiver = &found.waiver;
            let failure = match (&waiver.failure, &waiver.signature) {
                (Some(id), Some(signature)) => format!("{}<br>{}", code(id), marked(signature)),
                _ => "it did not run".to_owned(),
            };
            let cell = in_words(&waiver.cell);
            let test = match with_cells {
                true => vec![code(&waiver.test), marked(if cell.is_empty() { "every cell" } else { &cell })],
                false => vec![format!("{}<br><small>{}</small>", code(&waiver.test), marked(&cell))],
            };
            let more = [
                failure,
                format!("{}<br><small>{}</small>", marked(&waiver.reason), marked(&waiver.tracker)),
                marked(&format!("{}, requested by {}", waiver.approved_by, waiver.requested_by)),
                format!("{} to {}", waiver.created, waiver.expires),
            ];
            test.into_iter().chain(more).collect()
        })
        .collect();
    if !rows.is_empty() {
        out += "<h4>Waived</h4>\n";
        let head = ["Test", "Cell", "Failure", "Why", "Approved by", "Valid"];
        let head: Vec<&str> = head.into_iter().filter(|name| with_cells || *name != "Cell").collect();
        out += &table(&head, &rows);
    }
    let open: Vec<Vec<String>> = image
        .decision
        .requirements
        .iter()
        .filter(|one| !one.satisfied)
        .map(|one| {
            let kind = if one.kind == RequirementKind::Test { one.level.name() } else { one.kind.name() };
            vec![code(&one.name), marked(kind), one.state.name().to_owned(), marked(&one.message)]
        })
        .collect();
    if !open.is_empty() {
        out += "<h4>Not passed, and not required</h4>\n";
        out += &table(&["Test", "Level", "State", "Why"], &open);
    }
    let results = &image.results;
    for (title, tests) in [
        ("Failed", &results.failed),
        ("Could not be run to a result", &results.errored),
        ("Failed as a known issue says", &results.known),
        ("Passed after a failure", &results.flaky),
    ] {
        if !tests.is_empty() {
            let row = |one: &TestNoted| {
                let tracker = one.tracker.as_deref().unwrap_or_default();
                vec![code(&one.test), code(&one.id), marked(&one.message), marked(tracker), marked(&one.run)]
            };
            let rows: Vec<Vec<String>> = tests.iter().map(row).collect();
            out += &format!("<h4>{title} ({})</h4>\n", tests.len());
            out += &table(&["Test", "Id", "Why", "Tracker", "Run"], &rows);
        }
    }
    if !results.skipped.is_empty() {
        let mut causes: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for one in &results.skipped {
            causes.entry((&one.id, &one.message)).or_default().push(&one.test);
        }
        let rows: Vec<Vec<String>> = causes
            .into_iter()
            .map(|((id, message), tests)| {
                let names: Vec<String> = tests.iter().map(|name| code(name)).collect();
                vec![code(id), marked(message), names.join(" ")]
            })
            .collect();
        out += &format!("<h4>Skipped ({})</h4>\n", results.skipped.len());
        out += &table(&["Id", "Why", "Tests"], &rows);
    }
    for added in &image.added_repositories {
        out += &format!("<p>Note: the product adds a repository to the system: {}</p>\n", marked(added));
    }
    for note in &image.decision.notes {
        out += &format!("<p>Note: {}</p>\n", marked(note));
    }
    out
}

fn circumstances(certificate: &Certificate) -> String {
    let row = |run: &crate::model::RunCertified| {
        let channels = if run.channels.is_empty() { "unknown".to_owned() } else { run.channels.join(", ") };
        vec![
            code(&run.id),
            marked(&format!("{} to {}", run.started, run.finished)),
            format!("{}<br><small>SHA-256 {}</small>", marked(&format!("muster {}", run.muster)), code(&run.binary)),
            marked(&format!("{}: {}", run.accelerator, run.accelerator_reason)),
            format!(
                "{}{}",
                marked(&format!(
                    "QEMU {}, host {}, {} booted, {} cloned, commands by {channels}",
                    run.qemu, run.host_arch, run.booted, run.cloned
                )),
                firmware(run)
            ),
        ]
    };
    let rows: Vec<Vec<String>> = certificate.runs.iter().map(row).collect();
    let suites = certificate.runs.iter().flat_map(|run| &run.suites);
    let suites: std::collections::BTreeSet<(&String, &String)> = suites.collect();
    let suites: Vec<Vec<String>> = suites.into_iter().map(|(name, sha256)| vec![code(name), code(sha256)]).collect();
    let runs = table(&["Run", "When", "Tool", "Accelerator", "Machines"], &rows);
    let lines = certificate.runs.iter().map(|run| {
        let words: Vec<String> = run.arguments.iter().map(|word| shell_word(word)).collect();
        vec![code(&run.id), code(&format!("muster {}", words.join(" ")))]
    });
    let lines = table(&["Run", "Command line"], &lines.collect::<Vec<_>>());
    let internet: std::collections::BTreeSet<&String> =
        certificate.runs.iter().flat_map(|run| &run.needs_internet).collect();
    let internet = match internet.is_empty() {
        true => "<p>No test had a way to the internet.</p>\n".to_owned(),
        false => {
            let names: Vec<String> = internet.into_iter().map(|name| code(name)).collect();
            format!("<p>These tests had a way to the internet: {}</p>\n", names.join(" "))
        }
    };
    let program = match lists_tests(certificate) {
        true => {
            "<p>The SHA-256 of a tool is what its own record says of its file. It shows which program it claims to be, and not that it \
             is that one: compare it with the release's, or with <code>muster verify --muster-digest</code>.</p>\n"
        }
        false => "",
    };
    section("Circumstances", &(runs + program + &lines + &table(&["Suite", "SHA-256"], &suites) + &internet))
}

/// The firmware of the machines of a run.
fn firmware(run: &crate::model::RunCertified) -> String {
    run.firmware.iter().map(|digest| format!("<br><small>UEFI {}</small>", code(digest))).collect()
}

fn evidence(certificate: &Certificate) -> String {
    let row = |file: &crate::model::EvidenceFile| {
        vec![code(&file.name), format!("{} byte{}", file.bytes, plural(file.bytes as usize)), code(&file.sha256)]
    };
    let rows: Vec<Vec<String>> = certificate.evidence.iter().map(row).collect();
    section("Evidence", &table(&["File", "Size", "SHA-256"], &rows))
}

fn verifying(certificate: &Certificate) -> String {
    let identity = certificate.claim.identity.as_deref().map_or_else(|| "IDENTITY".to_owned(), shell_word);
    let at_hand = match certificate.products.first() {
        Some(product) => format!("--product {}", shell_word(&product.file)),
        None => format!("--image {}", shell_word(certificate.images.first().map_or("IMAGE", ImageCertified::name))),
    };
    let lines = [
        "# everything: the signature, the evidence, the decision, the file at hand".to_owned(),
        format!("muster verify . --signers allowed_signers --policy policy.yaml {at_hand}"),
        "# only the signature, with OpenSSH 8.2 or later".to_owned(),
        format!("ssh-keygen -Y find-principals -s {SIGNATURE} -f allowed_signers"),
        format!("ssh-keygen -Y verify -f allowed_signers -I {identity} -n {NAMESPACE} -s {SIGNATURE} < {SIGNED}"),
    ];
    let shown: Vec<String> = lines.iter().map(|line| marked(line)).collect();
    let body = format!(
        "<p>In the directory of this certificate. <code>allowed_signers</code> names the keys that you trust, and \
         <code>policy.yaml</code> is the policy that you demand; neither may come from the signer.</p>\n<pre>{}</pre>\n\
         <p>This page is made from <code>certificate.json</code>, and muster compares it. A signer who forges all \
         evidence consistently is not found by any of this.</p>\n",
        shown.join("\n")
    );
    section("How to verify", &body)
}

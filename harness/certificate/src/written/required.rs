//! The table of the page that says which tests were required, why each matters, and how it stands on each system.

use muster_gate::decision::{Requirement, RequirementKind, in_words};
use muster_suite::model::base_id;

use super::markup::{code, marked, table as written};
use crate::model::{Certificate, ImageCertified};
use crate::supportable::SUPPORTABLE;

/// The table may have a column for each of many systems: on a narrow screen it scrolls, on paper it does not.
pub(super) const STYLE: &str = ".wide{overflow-x:auto}.wide td,.wide th{overflow-wrap:break-word}\
.wide th:first-child{min-width:13rem}.wide th{min-width:5rem}\
@media print{.wide{overflow:visible}.wide td,.wide th{overflow-wrap:anywhere}.wide th,.wide th:first-child{min-width:0}}";

/// All required tests, those of the suite `supportable` among them.
pub(super) fn table(certificate: &Certificate) -> String {
    let systems = certificate.images.iter().map(system);
    let head: Vec<String> = ["Test".to_owned(), "Level".to_owned()].into_iter().chain(systems).collect();
    let rows: Vec<Vec<String>> = certificate
        .tests
        .iter()
        .map(|(name, summary)| {
            let level = certificate.images.iter().flat_map(|image| of(image, name)).map(|one| one.level).min();
            let test = format!("{}<br><small>{}</small>", code(name), marked(summary));
            let level = marked(level.map_or("required of every system", |level| level.name()));
            let states = certificate.images.iter().map(|image| state(image, name));
            [test, level].into_iter().chain(states).collect()
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    format!("<div class=\"wide\">\n{}</div>\n", written(&head, &rows))
}

/// A system by the names that the runs have for it: several may be of one distribution.
pub(super) fn system(image: &ImageCertified) -> String {
    let entries = image.decision.subject.entries.join(", ");
    format!("<b>{}</b><br><small>{}</small>", marked(&entries), marked(&image.system()))
}

/// What the decision about an image says of a test: one requirement for each combination of the policy's matrix.
fn of<'i>(image: &'i ImageCertified, name: &str) -> impl Iterator<Item = &'i Requirement> {
    image.decision.requirements.iter().filter(move |one| one.kind == RequirementKind::Test && one.name == name)
}

/// How a test stands on a system, as markup.
fn state(image: &ImageCertified, name: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for one in of(image, name) {
        let mut line = marked(one.state.name());
        let place = in_words(&one.cell);
        if !place.is_empty() {
            line += &format!(" <small>{}</small>", marked(&place));
        }
        for waiver in one.waivers.iter().filter_map(|index| image.decision.waivers.get(*index)) {
            let covered = in_words(&waiver.waiver.cell);
            let covered = if covered.is_empty() { "every cell" } else { &covered };
            line += &format!("<br><small>waiver: {}</small>", marked(covered));
        }
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    // The suite is required of every image, whatever the policy says; one that did not pass or apply refuses the certificate.
    let is_supportable = name.split_once('/').is_some_and(|(suite, _)| suite == SUPPORTABLE);
    let skipped = image.results.skipped.iter().any(|one| base_id(&one.test) == name);
    match (lines.is_empty(), is_supportable, skipped) {
        (false, ..) => lines.join("<br>"),
        (true, true, true) => "does not apply".to_owned(),
        (true, true, false) => "passed".to_owned(),
        (true, false, _) => "not required here".to_owned(),
    }
}

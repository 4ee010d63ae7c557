//! `report.html`: the run as one page that a person opens. One file without network, which works from a disk, as an
//! unzipped CI artifact and by mail.
//!
//! - What answers first (may it ship, what is new, what failed and why, what did not run) is markup and needs no
//!   script: [`summary`].
//! - Everything else is data, compressed, which the script of the page shows as text and never as markup: [`data`].
//! - Template, style and script are files of `reports/page/`. The page's policy names the script and the style by their
//!   digests and forbids everything else, so that no text of a guest can become code.

mod boots;
mod data;
mod known;
mod markup;
mod ran;
mod seconds;
mod summary;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::evidence::Evidences;
use crate::format::{Report, ReportInput};
use data::limits::Limits;
use known::Known;
use muster_base::text::one_line;

const TEMPLATE: &str = include_str!("../../../../reports/page/page.html");
const STYLE: &str = include_str!("../../../../reports/page/page.css");
/// One script, in files of one idea each. The last one begins.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../../../reports/page/elements.js"),
    include_str!("../../../../reports/page/diff.js"),
    include_str!("../../../../reports/page/state.js"),
    include_str!("../../../../reports/page/rows.js"),
    include_str!("../../../../reports/page/selection.js"),
    include_str!("../../../../reports/page/detail.js"),
    include_str!("../../../../reports/page/views.js"),
    include_str!("../../../../reports/page/boots.js"),
    include_str!("../../../../reports/page/page.js"),
);

/// Bytes of the page at most, where the output of failed tests decides it.
const LARGEST: usize = 5 << 20;
/// How hard zlib tries: a step more costs half as much time again and saves 2 %.
const LEVEL: u8 = 6;

/// The page.
pub(super) struct Html;

impl Report for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn file(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, source: ReportInput<'_>) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let known = Known::of(source);
        let mut page = String::new();
        // Names, messages and commands of a large run may alone be more; then its output is the least.
        for limits in Limits::STEPS {
            page = render(source, &known, limits)?;
            if page.len() <= LARGEST {
                break;
            }
        }
        Ok(page)
    }
}

fn render(source: ReportInput<'_>, known: &Known<'_>, limits: Limits) -> Result<String, serde_json::Error> {
    let page = data::Page::of(source.record, known, Evidences::new(source.dir), limits);
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&serde_json::to_vec(&page)?, LEVEL);
    let answer = summary::Answer::of(source.record);
    Ok(markup::filled(TEMPLATE, |place| match place {
        "policy" => policy(),
        "title" => muster_base::text::markup(&one_line(&format!("{}: {}", answer.word(), source.record.id), 200)),
        "style" => STYLE.to_owned(),
        "summary" => summary::render(source.record, known, answer),
        "data" => STANDARD.encode(&packed),
        "script" => SCRIPT.to_owned(),
        _ => String::new(),
    }))
}

/// What the page may do: run this script and have this style, and nothing else. No other script, no request, no form, no
/// markup out of text.
fn policy() -> String {
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}

#[cfg(test)]
mod tests;

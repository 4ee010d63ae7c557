//! A page to keep: one file, without scripts and without anything from elsewhere.

use muster_base::text::{escape, markup};

use super::lines;
use crate::decision::Decision;
use crate::ways::Way;

/// What the page may do: look so, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
h1{border-left:.5rem solid;padding-left:.75rem}h1.open{border-color:#1a7f37}h1.closed{border-color:#cf222e}\
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #8884;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow:auto;padding:.75rem;background:#8881}\
small{display:block;opacity:.8}:root{color-scheme:light dark}";

/// The page.
pub fn html(decision: &Decision, ways: Option<&[Way]>) -> String {
    let word = if decision.open { "open" } else { "closed" };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{word}: {title}</title>\n\
         <style>{STYLE}</style></head><body>\n<h1 class=\"{word}\">{headline}</h1>\n<ul>\n",
        title = marked(&decision.policy.id),
        headline = marked(&lines::headline(decision)),
    );
    for line in lines::about(decision).iter().chain(&decision.notes) {
        out += &format!("<li>{}</li>\n", marked(line));
    }
    out += "</ul>\n";
    for (title, members) in lines::groups(decision) {
        out +=
            &format!("<h2>{}</h2>\n<table><tr><th>Requirement</th><th>State</th><th>Why</th></tr>\n", marked(&title));
        for requirement in members {
            let evidence: String =
                lines::evidence(requirement).iter().map(|line| format!("<small>{}</small>", marked(line))).collect();
            out += &format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}{evidence}</td></tr>\n",
                marked(&lines::named(requirement)),
                requirement.state.name(),
                marked(&requirement.message)
            );
        }
        out += "</table>\n";
    }
    if !decision.waivers.is_empty() {
        out += &format!("<h2>Waivers ({})</h2>\n<ul>\n", decision.waivers.len());
        lines::waivers(decision).iter().for_each(|line| out += &format!("<li>{}</li>\n", marked(line)));
        out += "</ul>\n";
    }
    if let Some(ways) = ways.filter(|_| !decision.open) {
        out += "<h2>What would open it</h2>\n<ol>\n";
        for way in ways {
            out += &format!("<li>{}", marked(&way.what));
            way.command.iter().chain(&way.waivers).for_each(|text| out += &format!("<pre>{}</pre>", marked(text)));
            out += "</li>\n";
        }
        out += "</ol>\n";
    }
    out + "</body></html>\n"
}

/// Text between tags or in an attribute.
fn marked(text: &str) -> String {
    markup(&escape(text))
}

//! `comps.xml`: groups of packages. As a chain it needs all of them; what a group has as optional, or on a condition, is
//! optional. A group that an environment names, and the file does not have, is a need of its own.

use std::collections::HashSet;

use crate::chain::ChainKind;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::xml::{self, Piece};

/// The reader.
pub(crate) struct Comps;

impl Reader for Comps {
    fn kind(&self) -> ChainKind {
        ChainKind::Comps
    }

    /// XML whose first element is `comps`.
    fn fits(&self, source: &Source<'_>) -> bool {
        first_element(source).is_some_and(|name| name == "comps")
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let mut open: Vec<(String, Option<String>)> = Vec::new();
        let mut within: Option<String> = None;
        let mut groups = HashSet::new();
        let mut named: Vec<Need> = Vec::new();
        xml::read(&positions, &mut |piece| match piece {
            Piece::Open(element) => {
                if matches!(element.name.as_str(), "group" | "environment" | "category") {
                    within = None;
                }
                if !is_known(&element.name) {
                    into.line();
                    let why = format!("the element `{}` is not read", muster_base::text::one_line(&element.name, 60));
                    into.not_understood(element.place.clone(), &element.name, why);
                }
                let kind = element.get("type").map(str::to_owned);
                open.push((element.name, kind));
            }
            Piece::Close => {
                open.pop();
            }
            Piece::Text(text, place) => {
                let Some((name, kind)) = open.last() else { return };
                let around = open.iter().rev().nth(1).map_or("", |(name, _)| name.as_str());
                let in_list = open.iter().any(|(name, _)| name == "optionlist");
                match (name.as_str(), around) {
                    ("id", "group") => {
                        groups.insert(text.clone());
                        within = Some(format!("group {text}"));
                    }
                    ("id", "environment") => within = Some(format!("environment {text}")),
                    ("packagereq", _) => {
                        into.line();
                        let optional = matches!(kind.as_deref(), Some("optional" | "conditional"));
                        if names::is_name(&text) {
                            let want = Want::Package { name: text.clone(), version: None, arch: None };
                            let need = Need::new(want, Verb::Install, place, text.as_str()).optional(optional);
                            into.need(need.within(within.as_deref()));
                        } else {
                            into.not_understood(place, &text, "not a name of a package");
                        }
                    }
                    ("groupid", "grouplist" | "optionlist") if within.is_some() => {
                        into.line();
                        let need = Need::new(Want::Group(format!("@{text}")), Verb::Install, place, text.as_str());
                        named.push(need.optional(in_list).within(within.as_deref()));
                    }
                    _ => {}
                }
            }
        })?;
        for need in named {
            if !matches!(&need.want, Want::Group(name) if groups.contains(name.trim_start_matches('@'))) {
                into.need(need);
            }
        }
        Ok(())
    }
}

/// The name of the first element, of XML.
pub(super) fn first_element(source: &Source<'_>) -> Option<String> {
    let start = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(8192)]);
    let mut rest = start.trim_start_matches('\u{feff}').trim_start();
    // What stands before the first element: a declaration, comments, a document type.
    while let Some(end) = match rest {
        _ if rest.starts_with("<?") => rest.find("?>").map(|at| at + 2),
        _ if rest.starts_with("<!--") => rest.find("-->").map(|at| at + 3),
        _ if rest.starts_with("<!DOCTYPE") => {
            let subset = rest.find('[').filter(|at| rest.find('>').is_none_or(|end| *at < end));
            subset.map_or_else(|| rest.find('>').map(|at| at + 1), |_| rest.find("]>").map(|at| at + 2))
        }
        _ => None,
    } {
        rest = rest[end..].trim_start();
    }
    let name = rest.strip_prefix('<')?;
    Some(name.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next()?.to_owned())
}

fn is_known(name: &str) -> bool {
    const KNOWN: &[&str] = &[
        "comps",
        "group",
        "id",
        "name",
        "description",
        "default",
        "uservisible",
        "biarchonly",
        "langonly",
        "display_order",
        "packagelist",
        "packagereq",
        "environment",
        "grouplist",
        "groupid",
        "optionlist",
        "category",
        "langpacks",
        "match",
        "blacklist",
        "package",
        "whiteout",
        "ignoredep",
    ];
    KNOWN.contains(&name)
}

//! comps.xml: package groups and environments.

use crate::comps::{Environment, Group, GroupKind, GroupPackage};

use super::error::RepodataError;
use super::xml::{Node, Xml};

/// The groups and environments of a file. Names and descriptions in other languages are left out.
pub(super) fn read(xml: &mut Xml) -> Result<(Vec<Group>, Vec<Environment>), RepodataError> {
    let (mut groups, mut environments) = (Vec::new(), Vec::new());
    let (mut group, mut environment) = (Group::default(), Environment::default());
    let (mut text, mut kind, mut requires, mut translated) = (String::new(), String::new(), String::new(), false);
    let (mut in_group, mut in_options) = (false, false);
    loop {
        let depth = xml.depth();
        match xml.next(b"comps")? {
            Node::Begin(element) => {
                text.clear();
                (kind, requires, translated) = (String::new(), String::new(), false);
                match (depth, element.name()) {
                    (1, b"group") => (in_group, group) = (true, Group::default()),
                    (1, b"environment") => (in_group, environment) = (false, Environment::default()),
                    (2, b"optionlist") => in_options = true,
                    (2, _) => in_options = false,
                    _ => {}
                }
                let seen = element.attributes(|name, value| match name {
                    b"type" => kind = value.into_owned(),
                    b"requires" => requires = value.into_owned(),
                    b"lang" => translated = true,
                    _ => {}
                });
                seen.map_err(|reason| xml.error(reason))?;
            }
            Node::Text(more) => {
                if text.len() < 4096 {
                    text.push_str(&more);
                }
            }
            Node::End(end) => {
                let said = text.trim();
                match (depth, end.name()) {
                    (3, b"id") if in_group => said.clone_into(&mut group.id),
                    (3, b"id") => said.clone_into(&mut environment.id),
                    (3, b"name") if !translated && in_group => said.clone_into(&mut group.name),
                    (3, b"name") if !translated => said.clone_into(&mut environment.name),
                    (4, b"packagereq") if in_group && !said.is_empty() => {
                        let kind = match kind.as_str() {
                            "mandatory" | "" => GroupKind::Mandatory,
                            "default" => GroupKind::Default,
                            "conditional" => GroupKind::Conditional(requires.clone()),
                            _ => GroupKind::Optional,
                        };
                        group.packages.push(GroupPackage { name: said.to_owned(), kind });
                    }
                    (4, b"groupid") if in_options => environment.options.push(said.to_owned()),
                    (4, b"groupid") => environment.groups.push(said.to_owned()),
                    (2, b"group") if !group.id.is_empty() => groups.push(std::mem::take(&mut group)),
                    (2, b"environment") if !environment.id.is_empty() => {
                        environments.push(std::mem::take(&mut environment));
                    }
                    _ => {}
                }
                text.clear();
            }
            Node::Over => return Ok((groups, environments)),
        }
    }
}

//! Shared libraries, and the versions of their symbols.

use muster_chain::Need;

use super::context::Context;
use super::found::Found;
use crate::answer::Answer;

impl<'a> Context<'a> {
    pub(super) fn soname(&mut self, need: &'a Need, name: &str, versions: &[String], bits: u8) -> Found {
        let suffix = if bits == 64 { "(64bit)" } else { "" };
        let bare = match bits {
            64 => format!("{name}()(64bit)"),
            _ => name.to_owned(),
        };
        let mut found = self.soname_owner(need, &bare);
        let package = match &found.answer {
            Answer::Present(Some(package)) | Answer::Brought(package) => Some(package.clone()),
            Answer::NotInstalled(_) => None,
            _ => return found,
        };
        for version in versions {
            // Of the library's own package, or of any that the edit would install.
            let providers = self.index().providers(&format!("{name}({version}){suffix}")).unwrap_or_default();
            let has_it = |name: &str| providers.iter().any(|(_, one)| one.name == name);
            let is_there = match &package {
                Some(package) => providers.iter().any(|(id, one)| {
                    one.name == package.name && (one.is_installed || self.closure.contains(id))
                        || self.tried.contains(one.name.as_str())
                }),
                None => found.answer.candidates().iter().any(|name| has_it(name)),
            };
            if !is_there {
                let where_else = providers.iter().find(|(_, one)| one.is_available).map(|(_, one)| one.located());
                let mut refused = Found::new(Answer::Refused(format!("{name} has no symbols of version {version}")));
                refused.evidence = std::mem::take(&mut found.evidence);
                refused.evidence.extend(package.iter().map(|package| format!("{} has {name}", package.located())));
                refused.evidence.push(match where_else {
                    Some(located) => format!("{located} has {version}"),
                    None => format!("no repository has {version}"),
                });
                return refused;
            }
        }
        found
    }
}

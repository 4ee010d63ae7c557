//! Playbooks, task files and roles of Ansible. What tasks do is read off their modules; values are used where they are
//! literal, and a value that only a run knows makes its line one that was not understood.
//!
//! A task for another family of systems (`when: ansible_os_family == "Debian"`) needs nothing that a system of rpm must
//! have: its needs are optional. What a condition knows of the system is a need of its own,
//! [`Want::OsRelease`](crate::need::Want::OsRelease).

mod conditions;
mod keywords;
mod modules;
mod playbook;
mod values;

use std::rc::Rc;

use crate::chain::ChainKind;
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::yaml::Document;
use playbook::Playbook;

/// The reader.
pub(crate) struct Ansible;

impl Reader for Ansible {
    fn kind(&self) -> ChainKind {
        ChainKind::Ansible
    }

    /// A list in YAML, of plays or of tasks.
    fn fits(&self, source: &Source<'_>) -> bool {
        if !matches!(source.path.extension(), Some("yml" | "yaml")) {
            return false;
        }
        let start = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(64 << 10)]);
        let mut lines = start.lines().map(|line| line.trim_start_matches('\u{feff}'));
        let first = lines.clone().find(|line| !matches!(line.trim(), "" | "---") && !line.trim().starts_with('#'));
        let key = |line: &str| line.trim_start_matches([' ', '-']).split(':').next().unwrap_or_default().to_owned();
        let known = |key: &str| {
            matches!(key, "hosts" | "import_playbook" | "block")
                || key.matches('.').count() > 1
                || modules::is_known(key)
        };
        first.is_some_and(|line| line.starts_with("- ")) && lines.any(|line| line.contains(':') && known(&key(line)))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let Some(document) = Document::read(positions, into)? else { return Ok(()) };
        let mut playbook = Playbook::new(source, into);
        playbook.file(&Rc::new(document));
        playbook.end();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{FakeHost, read_bytes, shown};

    #[test]
    fn files_of_a_role_that_are_there_and_cannot_be_read_are_said() {
        let files = [
            ("roles/web/tasks/main.yml", "- dnf: {name: \"{{ server }}\"}\n"),
            ("roles/web/defaults/main.yml", "server: nginx\n"),
            ("roles/web/handlers/main.yml", "---\n"),
        ];
        let play = b"- hosts: all\n  roles:\n    - web\n";
        let mut host = FakeHost::default();
        host.files.extend(files.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let good = shown(&read_bytes("site.yml", play, &host).unwrap());
        assert!(good.contains("install package nginx") && !good.contains('!'), "{good}");

        host.unreadable.insert("roles/web/vars/main.yml".to_owned());
        host.unreadable.insert("roles/web/meta/main.yml".to_owned());
        host.files.insert("roles/web/handlers/main.yml".to_owned(), "- dnf: [\n".to_owned());
        let odd = shown(&read_bytes("site.yml", play, &host).unwrap());
        for part in ["vars", "meta", "handlers"] {
            let file = format!("! roles/web/{part}/main.yml:0 roles/web/{part}/main.yml: ");
            assert!(odd.contains(&file), "{odd}");
        }
    }
}

//! Chains after those of real projects, in `testdata/KIND/NAME`, and next to each what it needs: `NAME.needs`, one line
//! a need. `UPDATE_NEEDS=1` writes those files anew; read what changed.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::{Host, Unavailable};
use crate::need::{UnitWant, Verb, Want};
use crate::reader::Source;
use crate::readers::read;
use crate::{Chain, Need};

/// Reads files next to the one that includes them.
pub(crate) struct Files;

impl Host for Files {
    fn included(&self, from: &Utf8Path, name: &str) -> Result<(String, String), Unavailable> {
        let path = from.parent().unwrap_or(Utf8Path::new(".")).join(name);
        let text =
            std::fs::read_to_string(root().join(&path)).map_err(|_| Unavailable(format!("{name} is not there")))?;
        Ok((path.to_string(), text))
    }

    fn rpm(&self, _: &Utf8Path, _: &str) -> Result<String, Unavailable> {
        Err(Unavailable("no rpm".to_owned()))
    }

    fn rpmspec(&self, _: &Utf8Path, _: &[&str]) -> Result<String, Unavailable> {
        Err(Unavailable("no rpmspec".to_owned()))
    }

    fn archive(&self, _: &Utf8Path, _: u64, _: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        Err(Unavailable("no archive".to_owned()))
    }
}

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// A need in one line: `12 install package httpd`, `?` behind what is optional, `(stage build)`, and `~` in front of what
/// no edit can replace.
fn line(need: &Need) -> String {
    let verb = match need.verb {
        Verb::Install => "install",
        Verb::Use => "use",
        Verb::Remove => "remove",
    };
    let fixed = if need.place.is_editable() { "" } else { "~" };
    let optional = if need.optional { "?" } else { "" };
    let within = need.within.as_ref().map(|within| format!(" ({within})")).unwrap_or_default();
    format!("{fixed}{} {verb}{optional} {}{within}", need.place, want(&need.want))
}

fn want(want: &Want) -> String {
    match want {
        Want::Package { name, version, arch } => {
            let version = version.as_ref().map(|(relation, version)| format!(" {} {version}", relation.sign()));
            let arch = arch.as_ref().map(|arch| format!(" on {arch}")).unwrap_or_default();
            format!("package {name}{}{arch}", version.unwrap_or_default())
        }
        Want::DebianPackage(name) => format!("debian {name}"),
        Want::Group(name) => format!("group {name}"),
        Want::Module { name, stream } => format!("module {name}:{}", stream.as_deref().unwrap_or("")),
        Want::Capability(name) => format!("capability {name}"),
        Want::Path(path) => format!("path {path}"),
        Want::Command(name) => format!("command {name}"),
        Want::Unit { name, state } => {
            let state = match state {
                UnitWant::Exists => "exists",
                UnitWant::Enabled => "enabled",
                UnitWant::Started => "started",
                UnitWant::Disabled => "disabled",
            };
            format!("unit {name} {state}")
        }
        Want::User(name) => format!("user {name}"),
        Want::UserGroup(name) => format!("usergroup {name}"),
        Want::Sysctl { name, value } => format!("sysctl {name} {}", value.as_deref().unwrap_or("")),
        Want::KernelModule(name) => format!("kernel module {name}"),
        Want::KernelOption(name) => format!("kernel option {name}"),
        Want::OsRelease { key, known, otherwise } => {
            let others = if *otherwise { "and others" } else { "alone" };
            format!("os-release {key}: {} {others}", known.join(" "))
        }
        Want::LocalPackage(name) => format!("file {name}"),
        Want::Repository(name) => format!("repository {name}"),
        other => format!("{other:?}"),
    }
}

/// All that was read of a chain.
fn shown(chain: &Chain) -> String {
    let mut text = format!(
        "{} of {} lines, for {}\n",
        chain.understood(),
        chain.lines,
        chain.written_for.as_deref().unwrap_or("-")
    );
    for need in &chain.needs {
        let _ = writeln!(text, "{}", line(need));
    }
    for one in &chain.not_understood {
        let _ = writeln!(text, "{} not understood: {} | {}", one.place, one.why, one.written);
    }
    text
}

/// What is written at the place of a need is what it says is written there.
fn places_are_exact(chain: &Chain) {
    for need in chain.needs.iter().filter(|need| need.place.is_editable()) {
        let text = std::fs::read_to_string(root().join(&*need.place.file)).unwrap();
        let piece = &text[need.place.start as usize..need.place.end as usize];
        assert_eq!(piece, need.written, "{}", need.place);
        let lines = text[..need.place.start as usize].matches('\n').count();
        assert_eq!(lines + 1, need.place.line as usize, "{} {}", need.place, need.written);
    }
}

#[test]
fn chains_need_what_is_written_next_to_them() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for kind in ["containerfile", "kickstart", "script", "list"] {
        let mut files: Vec<_> =
            std::fs::read_dir(root().join(kind)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        for name in files {
            let name = format!("{kind}/{}", name.to_str().unwrap());
            if name.ends_with(".needs") || !root().join(format!("{name}.needs")).exists() {
                continue;
            }
            count += 1;
            let bytes = std::fs::read(root().join(&name)).unwrap();
            let chain = read(&Source { path: Utf8Path::new(&name), bytes: &bytes, host: &Files }, None).unwrap();
            assert_eq!(chain.kind.name(), kind, "{name}");
            places_are_exact(&chain);
            let expected = root().join(format!("{name}.needs"));
            let found = shown(&chain);
            if std::env::var_os("UPDATE_NEEDS").is_some() {
                std::fs::write(&expected, &found).unwrap();
            } else if std::fs::read_to_string(&expected).unwrap() != found {
                wrong.push(format!("{name}.needs should be\n{found}"));
            }
        }
    }
    assert!(count >= 12, "{count} chains");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

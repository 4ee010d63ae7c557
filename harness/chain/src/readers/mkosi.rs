//! `mkosi.conf`, what it includes, the files of `mkosi.conf.d`, and the [`script`]s next to it.
//!
//! A file whose `[Match]` names only distributions without Fedora's names has optional needs: on the system that is looked
//! at it is not used. Packages of the tools tree are the host's, and no needs of the image.

mod script;

use std::sync::Arc;

use self::script::Script;
use crate::chain::ChainKind;
use crate::limits;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::spelling;
use crate::why::Why;

pub(super) use self::script::is_script;

/// The reader.
pub(crate) struct Mkosi;

impl Reader for Mkosi {
    fn kind(&self) -> ChainKind {
        ChainKind::Mkosi
    }

    /// Its name, which mkosi knows it by.
    fn fits(&self, source: &Source<'_>) -> bool {
        let name = source.path.file_name().unwrap_or_default();
        let dirs = || source.path.components().rev().skip(1).map(|dir| dir.as_str());
        is_script(source.path)
            || matches!(name, "mkosi.conf" | "mkosi.local.conf")
            || name.ends_with(".conf") && dirs().any(|dir| matches!(dir, "mkosi.conf.d" | "mkosi.profiles"))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        if is_script(source.path) {
            let (text, file) = (source.text()?, Arc::clone(into.file()));
            Script { host: source.host, from: source.path, file, text, debian: false }.read(into);
            return Ok(());
        }
        let positions = Positions::of(source, into)?;
        let mut mkosi = Config { source, into, included: 0, distribution: None, release: None };
        mkosi.file(&positions, "", 0);
        if source.path.file_name() == Some("mkosi.conf") {
            mkosi.directory("mkosi.conf.d", 0);
            mkosi.scripts("");
        }
        if let Some(distribution) = mkosi.distribution {
            let release = mkosi.release.map(|release| format!(":{release}")).unwrap_or_default();
            into.written_for(format!("{distribution}{release}"));
        }
        Ok(())
    }
}

/// Files that include each other.
const DEEPEST: usize = 8;

struct Config<'r, 's> {
    source: &'r Source<'s>,
    into: &'r mut Reading,
    included: usize,
    distribution: Option<String>,
    release: Option<String>,
}

/// A setting with the pieces of its value, which are parts of the text.
struct Setting<'t> {
    section: &'t str,
    key: &'t str,
    values: Vec<&'t str>,
    line: u32,
}

/// The settings of a file; and the lines that are none.
fn settings(positions: &Positions) -> (Vec<Setting<'_>>, Vec<u32>) {
    let (mut out, mut strange, mut section): (Vec<Setting<'_>>, _, _) = (Vec::new(), Vec::new(), "");
    for line in positions.saying(&['#', ';']) {
        let text = positions.body_line(line);
        let trimmed = text.trim();
        if text.starts_with([' ', '\t']) {
            match out.last_mut().filter(|setting| setting.section == section) {
                Some(setting) => setting.values.push(trimmed),
                None => strange.push(line),
            }
        } else if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = trimmed.split_once('=') {
            let values = Vec::from_iter(Some(value.trim()).filter(|value| !value.is_empty()));
            out.push(Setting { section, key: key.trim(), values, line });
        } else {
            strange.push(line);
        }
    }
    (out, strange)
}

/// Distributions with packages of Debian's.
const DEBIAN: &[&str] = &["debian", "kali", "ubuntu", "postmarketos"];
/// Distributions whose names are not Fedora's.
const OTHER: &[&str] = &["arch", "opensuse", "mageia", "openmandriva"];

impl Config<'_, '_> {
    fn file(&mut self, positions: &Positions, dir: &str, depth: usize) {
        positions.count(&['#', ';'], &[], self.into);
        let (all, strange) = settings(positions);
        for line in strange {
            let at = positions.point(positions.start(line));
            self.into.not_understood(at, positions.line_text(line), "not a setting");
        }
        let of = |section: &str, key: &str| {
            let fits = |it: &&Setting<'_>| it.section == section && it.key == key;
            let values = all.iter().filter(fits).flat_map(|it| it.values.iter());
            values.flat_map(|value| value.split_whitespace()).collect::<Vec<&str>>()
        };
        let matches: Vec<&str> = of("Match", "Distribution")
            .into_iter()
            .filter(|name| !name.starts_with('!'))
            .map(|name| name.trim_start_matches('|'))
            .collect();
        let own = of("Distribution", "Distribution").last().copied();
        let named = |names: &[&str]| !matches.is_empty() && matches.iter().all(|name| names.contains(name));
        let of_debian = match self.distribution.as_deref().or(own) {
            _ if !matches.is_empty() => named(DEBIAN),
            Some(name) => DEBIAN.contains(&name),
            None => false,
        };
        let elsewhere = !matches.is_empty() && matches.iter().all(|name| DEBIAN.contains(name) || OTHER.contains(name));
        for (at, setting) in all.iter().enumerate() {
            // An empty value takes back what stands before it.
            let same = |it: &Setting<'_>| it.section == setting.section && it.key == setting.key;
            if all[at + 1..].iter().any(|it| same(it) && it.values.is_empty()) {
                continue;
            }
            match setting.key {
                _ if matches!(setting.section, "Match" | "TriggerMatch") => {}
                "Packages" | "BuildPackages" | "VolatilePackages" | "InitrdPackages" | "InitrdVolatilePackages" => {
                    self.packages(positions, setting, Verb::Install, (of_debian, elsewhere));
                }
                "RemovePackages" => self.packages(positions, setting, Verb::Remove, (of_debian, elsewhere)),
                "Distribution" if setting.section == "Distribution" => {
                    self.distribution = setting.values.first().map(|name| (*name).to_owned());
                }
                "Release" if setting.section == "Distribution" => {
                    self.release = setting.values.first().map(|name| (*name).to_owned());
                }
                "Include" => {
                    for name in setting.values.iter().flat_map(|value| value.split_whitespace()) {
                        self.include(positions, setting, &format!("{dir}{name}"), depth);
                    }
                }
                "RootShell" => {
                    for path in setting.values.iter().filter(|path| path.starts_with('/')) {
                        let want = Want::Path((*path).to_owned());
                        self.into.need(Need::new(want, Verb::Use, positions.piece(path, 0), *path));
                    }
                }
                key if is_plain(key) || script::OF_HOST.contains(&key) => {}
                key if script::KINDS.iter().any(|(_, setting)| *setting == key) => {
                    for name in setting.values.iter().flat_map(|value| value.split_whitespace()) {
                        if let Err(why) = self.script(&format!("{dir}{name}")) {
                            let place = positions.point(positions.start(setting.line));
                            self.into.not_understood(place, positions.line_text(setting.line), why);
                        }
                    }
                }
                key => {
                    let why = format!("`{}=` is not read", muster_base::text::one_line(key, 60));
                    let place = positions.point(positions.start(setting.line));
                    self.into.not_understood(place, positions.line_text(setting.line), why);
                }
            }
        }
    }

    fn packages(
        &mut self,
        positions: &Positions,
        setting: &Setting<'_>,
        verb: Verb,
        (of_debian, elsewhere): (bool, bool),
    ) {
        for value in &setting.values {
            // Commas within parentheses belong to a rich dependency.
            let names: Vec<&str> = if value.contains('(') { vec![value] } else { value.split(',').collect() };
            for name in names.into_iter().map(|name| name.trim().trim_matches(['"', '\''])) {
                if name.is_empty() {
                    continue;
                }
                let want = if of_debian && names::is_name(name) {
                    Ok(Want::DebianPackage(name.to_owned()))
                } else {
                    spelling::package(name)
                };
                let place = positions.piece(name, 0);
                match want {
                    Ok(want) => {
                        let need = Need::new(want, verb, place, name).optional(elsewhere);
                        self.into.need(need.within(Some(setting.key)));
                    }
                    Err(why) => self.into.not_understood(place.start_only(), name, why),
                }
            }
        }
    }

    fn include(&mut self, positions: &Positions, setting: &Setting<'_>, name: &str, depth: usize) {
        let read = self
            .included_file(name, depth)
            .or_else(|why| if self.whole_directory(name, depth + 1) { Ok(()) } else { Err(why) });
        if let Err(why) = read {
            let place = positions.point(positions.start(setting.line));
            self.into.not_understood(place, positions.line_text(setting.line), why);
        }
    }

    fn included_file(&mut self, name: &str, depth: usize) -> Result<(), Why> {
        self.bounded(depth)?;
        let (path, text) = self.source.host.included(self.source.path, name).map_err(|why| why.to_string())?;
        self.included += 1;
        let dir = name.rfind('/').map_or("", |slash| &name[..=slash]).to_owned();
        self.file(&Positions::new(&Arc::from(path.as_str()), &text), &dir, depth + 1);
        Ok(())
    }

    fn bounded(&self, depth: usize) -> Result<(), Why> {
        if depth >= DEEPEST || self.included >= limits::INCLUDES {
            return Err(format!(
                "files include each other more than {DEEPEST} deep, or more than {}",
                limits::INCLUDES
            )
            .into());
        }
        Ok(())
    }

    /// Reads what need not be there. Whether it is; one that is there and cannot be read is said.
    fn if_there(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Result<(), Why>) -> bool {
        read(self).map_or_else(|why| self.source.unread(name, why, self.into), |()| true)
    }

    /// A directory of configuration: its `mkosi.conf`, its `mkosi.conf.d` and its scripts. Whether it has any of them.
    fn whole_directory(&mut self, dir: &str, depth: usize) -> bool {
        let dir = dir.trim_end_matches('/');
        // Links may lead to a directory that is read already, and each counts as a file.
        if let Err(why) = self.bounded(depth) {
            return self.source.unread(dir, why, self.into);
        }
        self.included += 1;
        let file = format!("{dir}/mkosi.conf");
        let has_file = self.if_there(&file, |this| this.included_file(&file, depth));
        let has_more = self.directory(&format!("{dir}/mkosi.conf.d"), depth + 1);
        self.scripts(&format!("{dir}/")) || has_file || has_more
    }

    /// The scripts that mkosi finds in a directory by their names. Whether there are any.
    fn scripts(&mut self, dir: &str) -> bool {
        let mut any = false;
        for (kind, _) in script::KINDS {
            for name in [format!("{dir}mkosi.{kind}"), format!("{dir}mkosi.{kind}.chroot")] {
                any |= self.if_there(&name, |this| this.script(&name));
                let mut names = self.source.listed_if_there(&format!("{name}.d"), self.into);
                names.retain(|name| !name.ends_with('/'));
                for file in names {
                    any |= self.if_there(&file, |this| this.script(&file));
                }
            }
        }
        any
    }

    /// Reads a script, once however often it is named.
    fn script(&mut self, name: &str) -> Result<(), Why> {
        if self.included >= limits::INCLUDES {
            return Err(format!("more than {} files", limits::INCLUDES).into());
        }
        let (path, text) = self.source.host.included(self.source.path, name).map_err(|why| why.to_string())?;
        self.included += 1;
        let debian = self.distribution.as_deref().is_some_and(|name| DEBIAN.contains(&name));
        let file = Arc::from(path.as_str());
        Script { host: self.source.host, from: self.source.path, file, text: &text, debian }.read(self.into);
        Ok(())
    }

    /// The files and directories of a `mkosi.conf.d` in the order of their names. Whether there is one.
    fn directory(&mut self, dir: &str, depth: usize) -> bool {
        let mut names = self.source.listed_if_there(dir, self.into);
        names.retain(|name| name.ends_with(".conf") || name.ends_with('/'));
        // The slash behind a directory is no part of its name.
        names.sort_by(|a, b| a.trim_end_matches('/').cmp(b.trim_end_matches('/')));
        for path in &names {
            match path.ends_with('/') {
                true => self.whole_directory(path, depth + 1),
                false => self.if_there(path, |this| this.included_file(path, depth)),
            };
        }
        !names.is_empty()
    }
}

/// Settings of mkosi(1), version 26, that need nothing of the distribution.
fn is_plain(key: &str) -> bool {
    const PREFIXES: &[&str] = &["SecureBoot", "SignExpectedPcr", "Verity", "Qemu", "Runtime", "ToolsTree", "OpenPGP"];
    KEYS.split_whitespace().any(|known| known == key) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

const KEYS: &str = "
Architecture Autologin BaseTrees BiosBootloader Bootable Bootloader BuildDirectory BuildKey BuildSources
BuildSourcesEphemeral CDROM CPUs CacheDirectory CacheKey CacheOnly Checksum CleanPackageMetadata CompressLevel
CompressOutput Console Credentials Dependencies Devicetrees Drives Environment EnvironmentFiles Ephemeral ExtraSearchPaths
ExtraTrees Firmware FirmwareVariables ForwardJournal Format FirmwareExclude FirmwareInclude History Hostname Image ImageId
ImageVersion Images Incremental InitrdProfiles Initrds KVM KernelCommandLine KernelCommandLineExtra
KernelInitrdModules KernelModules KernelModulesExclude KernelModulesHost KernelModulesInclude
KernelModulesIncludeHost KernelModulesInitrd KernelModulesInitrdExclude KernelModulesInitrdInclude Key Keymap
LocalMirror Locale LocaleMessages MachineId Machine MakeInitrd ManifestFormat MicrocodeHost MinimumVersion Mirror
NSpawnSettings Output OutputDirectory OutputExtension OutputMode Overlay PackageCacheDirectory PackageDirectories
PassEnvironment Passphrase PeAddons Profiles Profile ProxyClientCertificate ProxyClientKey ProxyExclude
ProxyPeerCertificate ProxyUrl RAM Register Release RemoveFiles RepartDirectories RepartOffline Repositories
RepositoryKeyCheck RepositoryKeyFetch RootPassword SELinuxRelabel SandboxTrees SectorSize Seed ShimBootloader Sign
SkeletonTrees SourceDateEpoch Splash SplitArtifacts Ssh SshCertificate SshKey StorageTargetMode SysupdateDirectory TPM Timezone
UnifiedKernelImageFormat UnifiedKernelImageProfiles UnifiedKernelImages UnitProperties UseSubvolumes VSock VSockCID
VirtualMachineMonitor VolatilePackageDirectories WithDocs WithNetwork WithRecommends WithTests WorkspaceDirectory
";

#[cfg(test)]
mod tests {
    use crate::testing::{FakeHost, read_bytes, shown};

    fn shown_of(files: &[(&str, &str)], unreadable: &[&str]) -> String {
        let host = FakeHost {
            files: files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            unreadable: unreadable.iter().map(|name| (*name).to_owned()).collect(),
            ..FakeHost::default()
        };
        shown(&read_bytes("mkosi.conf", b"[Content]\nPackages=a\n", &host).unwrap())
    }

    #[test]
    fn a_script_that_is_there_and_cannot_be_read_is_said() {
        assert_eq!(shown_of(&[], &[]), "2 install package a [Packages]\n2 of 2 lines\n");
        let odd = shown_of(&[], &["mkosi.postinst", "mkosi.build.d/10-a.sh", "mkosi.conf.d/10.conf"]);
        let of = |name: &str| format!("! {name}:0 {name}: {name} cannot be read\n");
        for name in ["mkosi.postinst", "mkosi.build.d/10-a.sh", "mkosi.conf.d/10.conf"] {
            assert!(odd.contains(&of(name)), "{odd}");
        }
        assert!(odd.ends_with("\n2 of 5 lines\n"), "{odd}");
    }

    #[test]
    fn directories_of_configuration_are_read_with_their_files_and_scripts() {
        let files = [
            ("mkosi.conf.d/20-dir/mkosi.conf", "[Content]\nPackages=b\n"),
            ("mkosi.conf.d/20-dir/mkosi.conf.d/10.conf", "[Content]\nPackages=c\n"),
            ("mkosi.conf.d/20-dir/mkosi.postinst.chroot", "#!/bin/sh\nsystemctl enable d.service\n"),
            ("mkosi.conf.d/README", "no configuration"),
        ];
        let shown = shown_of(&files, &[]);
        for need in [
            "mkosi.conf.d/20-dir/mkosi.conf:2 install package b ",
            "mkosi.conf.d/20-dir/mkosi.conf.d/10.conf:2 install package c ",
            "mkosi.conf.d/20-dir/mkosi.postinst.chroot:2 use unit d.service enabled ",
        ] {
            assert!(shown.contains(need), "{shown}");
        }
        assert!(!shown.contains('!'), "{shown}");
    }

    #[test]
    fn a_directory_of_configuration_is_read_in_its_place_among_the_files() {
        let files = [
            ("mkosi.conf.d/20/mkosi.conf", "[Content]\nPackages=b\n"),
            ("mkosi.conf.d/20-more.conf", "[Content]\nPackages=c\n"),
        ];
        let shown = shown_of(&files, &[]);
        let at =
            |package: &str| shown.find(&format!("install package {package} ")).unwrap_or_else(|| panic!("{shown}"));
        assert!(at("a") < at("b") && at("b") < at("c"), "{shown}");
    }

    #[test]
    fn directories_in_each_other_are_read_to_a_depth() {
        let deep = format!("{}mkosi.conf", "mkosi.conf.d/a/".repeat(20));
        let shown = shown_of(&[(&deep, "[Content]\nPackages=b\n")], &[]);
        assert!(!shown.contains("package b") && shown.contains("more than 8 deep"), "{shown}");
    }
}

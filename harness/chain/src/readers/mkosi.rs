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
use crate::place::Place;
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
            mkosi.scripts();
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
        let read = self.included_file(name, depth).or_else(|why| {
            let in_dir = self.included_file(&format!("{name}/mkosi.conf"), depth);
            let any = self.directory(&format!("{name}/mkosi.conf.d"), depth + 1);
            if any { Ok(()) } else { in_dir.map_err(|_| why) }
        });
        if let Err(why) = read {
            let place = positions.point(positions.start(setting.line));
            self.into.not_understood(place, positions.line_text(setting.line), why);
        }
    }

    fn included_file(&mut self, name: &str, depth: usize) -> Result<(), Why> {
        if depth >= DEEPEST || self.included >= limits::INCLUDES {
            return Err(format!(
                "files include each other more than {DEEPEST} deep, or more than {}",
                limits::INCLUDES
            )
            .into());
        }
        let (path, text) = self.source.host.included(self.source.path, name).map_err(|why| why.to_string())?;
        self.included += 1;
        let dir = name.rfind('/').map_or("", |slash| &name[..=slash]).to_owned();
        self.file(&Positions::new(&Arc::from(path.as_str()), &text), &dir, depth + 1);
        Ok(())
    }

    /// The scripts that mkosi finds by their names.
    fn scripts(&mut self) {
        for (kind, _) in script::KINDS {
            for name in [format!("mkosi.{kind}"), format!("mkosi.{kind}.chroot")] {
                // Most configurations have few of them.
                let _ = self.script(&name);
                for file in self.source.host.listed(self.source.path, &format!("{name}.d")).unwrap_or_default() {
                    if let Err(why) = self.script(&file) {
                        self.into.line();
                        self.into.not_understood(Place::whole(&Arc::from(file.as_str())), &file, why);
                    }
                }
            }
        }
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

    /// The files of a directory in the order of their names. Whether there is one.
    fn directory(&mut self, dir: &str, depth: usize) -> bool {
        let Ok(mut names) = self.source.host.listed(self.source.path, dir) else { return false };
        names.retain(|name| name.ends_with(".conf"));
        names.sort();
        for path in &names {
            if let Err(why) = self.included_file(path, depth) {
                self.into.line();
                self.into.not_understood(Place::whole(&Arc::from(path.as_str())), path, why);
            }
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

//! Kickstarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::ChainKind;
use crate::limits;
use crate::need::{Need, UnitWant, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shell::{Interpreter, Origin, Shell, count_lines, is_system_path, says_something};
use crate::spelling;

/// Files that include each other.
const DEPTH: usize = 8;

/// Commands that need nothing of the installed system, or nothing that has a name. Of Anaconda's documentation.
#[rustfmt::skip]
const COMMANDS: &[&str] = &[
    "auth", "authconfig", "authselect", "autopart", "autostep", "bootc", "bootloader", "btrfs", "cdrom", "clearpart",
    "cmdline", "device", "deviceprobe", "dmraid", "driverdisk", "eula", "fcoe", "firewall", "firstboot", "graphical", "halt",
    "harddrive", "hmc", "ignoredisk", "install", "interactive", "iscsi", "iscsiname", "keyboard", "lang", "langsupport",
    "lilo", "lilocheck", "liveimg", "logging", "logvol", "mediacheck", "method", "monitor", "mount", "mouse", "multipath",
    "network", "nfs", "nvdimm", "ostreecontainer", "ostreesetup", "part", "partition", "poweroff", "raid", "rdp", "realm",
    "reboot", "reqpart", "rescue", "rhsm", "rootpw", "selinux", "shutdown", "skipx", "snapshot", "sshkey", "syspurpose",
    "text", "timesource", "timezone", "tmux", "unsupported_hardware", "updates", "upgrade", "vnc", "volgroup", "xconfig",
    "zerombr", "zfcp", "zipl", "zram",
];

/// Options of `%packages`.
#[rustfmt::skip]
const PACKAGES: &[&str] = &[
    "--default", "--nobase", "--nocore", "--excludedocs", "--ignoremissing", "--ignorebroken", "--ignoredeps",
    "--resolvedeps", "--exclude-weakdeps", "--excludeWeakdeps", "--inst-langs", "--instLangs", "--multilib", "--timeout",
    "--retries",
];

/// The reader.
pub(crate) struct Kickstart;

impl Reader for Kickstart {
    fn kind(&self) -> ChainKind {
        ChainKind::Kickstart
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        let packages = || {
            let first = &source.bytes[..source.bytes.len().min(64 << 10)];
            matches!(source.path.extension(), Some("cfg" | "txt" | "inc" | "ksi"))
                && first.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"%packages"))
        };
        matches!(source.path.extension(), Some("ks" | "kickstart")) || packages()
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let text = source.text()?;
        let file = Arc::clone(into.file());
        let mut reader = Sections {
            source,
            into,
            section: Section::Commands,
            shells: BTreeMap::new(),
            includes: 0,
            open: vec![source.path.to_string()],
        };
        reader.file(&file, text);
        reader.end();
        Ok(())
    }
}

/// Where a line stands.
enum Section {
    Commands,
    Packages {
        /// `--ignoremissing`
        optional: bool,
        header: Place,
    },
    Script(Box<Script>),
    /// `%addon`, and what else holds lines that are not read.
    Other {
        header: Place,
        name: String,
    },
}

/// The body of `%post` and the like, as it is collected.
struct Script {
    name: String,
    header: Place,
    text: String,
    origin: Origin,
    /// `--interpreter` that is no shell.
    foreign: Option<String>,
    /// It runs in the installer, not on the system.
    outside: bool,
}

struct Sections<'r, 's> {
    source: &'r Source<'s>,
    into: &'r mut Reading,
    section: Section,
    /// One system for all of `%post`, another one for the installer.
    shells: BTreeMap<bool, Shell<'s>>,
    includes: usize,
    /// Files that include each other, outermost first.
    open: Vec<String>,
}

/// A line, and where its text stands.
#[derive(Clone, Copy)]
struct Line<'t> {
    file: &'t Arc<str>,
    number: u32,
    /// Bytes from the beginning of the file.
    start: usize,
    text: &'t str,
}

impl Line<'_> {
    /// The place of a piece of it.
    fn place(&self, range: std::ops::Range<usize>) -> Place {
        Place {
            file: Arc::clone(self.file),
            line: self.number,
            start: (self.start + range.start) as u32,
            end: (self.start + range.end) as u32,
        }
    }

    fn whole(&self) -> Place {
        self.place(0..0)
    }
}

impl Sections<'_, '_> {
    fn file(&mut self, file: &Arc<str>, text: &str) {
        let mut start = 0;
        for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
            let mark = if start == 0 && line.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
            let one = Line { file, number, start: start + mark, text: &line[mark..] };
            self.line(one);
            start += line.len();
        }
    }

    fn line(&mut self, line: Line<'_>) {
        let bare = line.text.trim();
        let directive = bare.split_whitespace().next().filter(|word| word.starts_with('%'));
        if let Section::Script(script) = &mut self.section
            && !matches!(directive, Some("%end"))
            && !directive.is_some_and(is_section)
        {
            // Lines of a script are counted as such.
            let start = script.text.len();
            script.origin.push(start, line.number, Some(line.start as u32));
            script.text.push_str(line.text);
            return;
        }
        if bare.is_empty() || bare.starts_with('#') {
            return;
        }
        self.into.line();
        match directive {
            Some("%end") => self.close(line, true),
            Some("%include") => self.include(line, bare),
            Some("%ksappend") => self.include(line, bare),
            Some(name) if is_section(name) => {
                self.close(line, false);
                self.begin(line, name, bare);
            }
            _ => match &self.section {
                Section::Commands => self.command(line, bare),
                Section::Packages { optional, .. } => {
                    let optional = *optional;
                    self.package(line, optional);
                }
                Section::Other { .. } | Section::Script(_) => {}
            },
        }
    }

    fn odd(&mut self, line: Line<'_>, why: impl Into<String>) {
        self.into.not_understood(line.whole(), line.text.trim(), why);
    }

    fn need(&mut self, want: Want, verb: Verb, optional: bool, place: Place, written: &str, within: Option<&str>) {
        let within = within.map(str::to_owned);
        self.into.need(Need { want, verb, optional, place, written: written.to_owned(), within });
    }

    /// Ends a section, by `%end` or by what follows without one.
    fn close(&mut self, line: Line<'_>, ended: bool) {
        let section = std::mem::replace(&mut self.section, Section::Commands);
        let (header, name) = match &section {
            Section::Commands if ended => return self.odd(line, "`%end` ends nothing"),
            Section::Commands => return,
            Section::Packages { header, .. } => (header.clone(), "%packages".to_owned()),
            Section::Script(script) => (script.header.clone(), script.name.clone()),
            Section::Other { header, name } => (header.clone(), name.clone()),
        };
        if !ended {
            self.into.not_understood(header, &name, format!("`{name}` without `%end`"));
        }
        if let Section::Script(script) = section {
            self.script(*script);
        }
    }

    fn end(&mut self) {
        let file = Arc::clone(self.into.file());
        let last = Line { file: &file, number: 0, start: 0, text: "" };
        if !matches!(self.section, Section::Commands) {
            self.close(last, false);
        }
    }

    fn begin(&mut self, line: Line<'_>, name: &str, bare: &str) {
        let header = line.whole();
        let options = options(line.text);
        match name {
            "%packages" => {
                for option in options.iter().skip(1) {
                    if !PACKAGES.contains(&option.name) {
                        self.odd(
                            line,
                            format!("`{}` is no option of %packages that is known here", escaped(option.name)),
                        );
                    }
                }
                let optional = bare.contains("--ignoremissing");
                self.section = Section::Packages { optional, header };
            }
            "%pre" | "%pre-install" | "%post" | "%onerror" | "%traceback" => {
                let outside = name != "%post" || bare.contains("--nochroot");
                let mut foreign = None;
                for option in options.iter().filter(|option| option.name == "--interpreter") {
                    let Some((path, range)) = option.value.clone() else { continue };
                    if is_system_path(path) {
                        let place = line.place(range);
                        self.need(Want::Path(path.to_owned()), Verb::Use, outside, place, path, Some(name));
                    }
                    let first = format!("#!{path}");
                    foreign = Interpreter::of(&first).filter(|one| !one.is_shell()).map(|one| one.name().to_owned());
                }
                let (text, origin) = (String::new(), Origin::new(line.file));
                let name = name.to_owned();
                self.section = Section::Script(Box::new(Script { name, header, text, origin, foreign, outside }));
            }
            _ => self.section = Section::Other { header, name: name.to_owned() },
        }
    }

    fn script(&mut self, script: Script) {
        let Script { name, text, origin, foreign, outside, .. } = script;
        count_lines(&text, self.into);
        // Without `--interpreter`, the first line of the body may name one.
        let own = Interpreter::of(&text).filter(|one| !one.is_shell()).map(|one| one.name().to_owned());
        if let Some(language) = foreign.or(own) {
            let mut at = 0;
            for line in text.split_inclusive('\n') {
                if says_something(line) {
                    let why = format!("what code for {} needs is not read", escaped(&language));
                    self.into.not_understood(origin.line(at), line, why);
                }
                at += line.len();
            }
            return;
        }
        let (host, path) = (self.source.host, self.source.path);
        let shell = self.shells.entry(outside).or_insert_with(|| Shell::new(host, path));
        shell.within(Some(name));
        // What runs in the installer needs nothing of the system that is installed.
        shell.optional(outside);
        shell.run(&text, &origin, self.into);
    }

    fn include(&mut self, line: Line<'_>, bare: &str) {
        let name = bare.split_whitespace().nth(1).unwrap_or_default().trim_matches(['"', '\'']);
        if name.is_empty() {
            return self.odd(line, "it includes nothing");
        }
        if self.open.len() > DEPTH || self.includes >= limits::INCLUDES {
            return self.odd(line, format!("more than {DEPTH} files in each other, or {} in all", limits::INCLUDES));
        }
        match self.source.host.included(self.source.path, name) {
            Ok((file, text)) => {
                if self.open.contains(&file) {
                    return self.odd(line, format!("{} includes itself", escaped(&file)));
                }
                self.includes += 1;
                self.open.push(file.clone());
                self.file(&Arc::from(file), &text);
                self.open.pop();
            }
            Err(why) => self.odd(line, format!("{} cannot be read: {why}", escaped(name))),
        }
    }

    /// A line of `%packages`.
    fn package(&mut self, line: Line<'_>, optional: bool) {
        let text = line.text.split(" #").next().unwrap_or_default();
        let start = text.len() - text.trim_start().len();
        let entry = text.trim();
        let (verb, entry, start) = match entry.strip_prefix('-') {
            Some(entry) => (Verb::Remove, entry.trim_start(), start + 1),
            None => (Verb::Install, entry, start),
        };
        // `@group --nodefaults`
        let name = match entry.starts_with('@') {
            true => entry.split(" --").next().unwrap_or(entry).trim_end(),
            false => entry,
        };
        let place = line.place(start..start + name.len());
        match spelling::package(name) {
            Ok(want) => self.need(want, verb, optional, place, name, Some("%packages")),
            Err(why) => self.odd(line, why),
        }
    }

    fn command(&mut self, line: Line<'_>, bare: &str) {
        let name = bare.split_whitespace().next().unwrap_or_default();
        let options = options(line.text);
        let values = |names: &[&str]| -> Vec<(String, Place)> {
            let found = options.iter().filter(|option| names.contains(&option.name));
            found
                .filter_map(|option| option.value.clone())
                .map(|(text, range)| (text.to_owned(), line.place(range)))
                .collect()
        };
        match name {
            "services" => {
                for (option, state) in [("--enabled", UnitWant::Enabled), ("--disabled", UnitWant::Disabled)] {
                    for (list, place) in values(&[option]) {
                        self.units(line, &list, &place, state);
                    }
                }
            }
            "repo" => {
                let addresses = values(&["--baseurl", "--mirrorlist", "--metalink"]);
                for (address, place) in addresses {
                    self.need(Want::Repository(address.clone()), Verb::Install, false, place, &address, None);
                }
            }
            "url" => {
                for (address, place) in values(&["--url", "--mirrorlist", "--metalink"]) {
                    self.need(Want::Repository(address.clone()), Verb::Use, false, place, &address, None);
                }
            }
            "module" => {
                let disabled = options.iter().any(|option| option.name == "--disable");
                let verb = if disabled { Verb::Remove } else { Verb::Install };
                let stream = values(&["--stream"]).first().map(|(stream, _)| stream.clone());
                for (module, place) in values(&["--name"]) {
                    let spec = stream.as_ref().map_or(module.clone(), |stream| format!("{module}:{stream}"));
                    match spelling::module(&spec) {
                        Ok(want) => self.need(want, verb, false, place, &module, None),
                        Err(why) => self.odd(line, why),
                    }
                }
            }
            "user" => {
                for (shell, place) in values(&["--shell"]) {
                    if is_system_path(&shell) {
                        self.need(Want::Path(shell.clone()), Verb::Use, false, place, &shell, None);
                    }
                }
                let (host, path) = (self.source.host, self.source.path);
                for (user, _) in values(&["--name"]) {
                    self.shells.entry(false).or_insert_with(|| Shell::new(host, path)).creates_user(&user);
                }
                // Anaconda creates those that are missing.
                for (groups, _) in values(&["--groups"]) {
                    for group in groups.split(',') {
                        self.shells.entry(false).or_insert_with(|| Shell::new(host, path)).creates_group(group.trim());
                    }
                }
            }
            "group" => {
                let (host, path) = (self.source.host, self.source.path);
                for (group, _) in values(&["--name"]) {
                    self.shells.entry(false).or_insert_with(|| Shell::new(host, path)).creates_group(&group);
                }
            }
            "sshpw" => {}
            "ostreecontainer" | "liveimg" => {
                if let Some((address, _)) = values(&["--url"]).into_iter().next() {
                    self.into.written_for(address);
                }
            }
            _ if COMMANDS.contains(&name) => {}
            _ => self.odd(line, format!("`{}` is no command of kickstarts that is known here", escaped(name))),
        }
    }

    fn units(&mut self, line: Line<'_>, list: &str, place: &Place, state: UnitWant) {
        let mut at = 0;
        for item in list.split(',') {
            let name = item.trim();
            let start = at + item.len() - item.trim_start().len();
            at += item.len() + 1;
            if name.is_empty() {
                continue;
            }
            let own = Place {
                start: place.start + start as u32,
                end: place.start + (start + name.len()) as u32,
                ..place.clone()
            };
            match spelling::unit(name) {
                Some(unit) => self.need(Want::Unit { name: unit, state }, Verb::Use, false, own, name, None),
                None => self.odd(line, format!("`{}` is no name of a unit", escaped(name))),
            }
        }
    }
}

fn is_section(word: &str) -> bool {
    matches!(
        word,
        "%packages"
            | "%pre"
            | "%pre-install"
            | "%post"
            | "%onerror"
            | "%traceback"
            | "%addon"
            | "%anaconda"
            | "%certificate"
    )
}

fn escaped(text: &str) -> String {
    muster_base::text::one_line(text, 60)
}

/// A word of a command, and the value behind its `=` or, of a long option, behind a blank.
struct Word<'t> {
    name: &'t str,
    value: Option<(&'t str, std::ops::Range<usize>)>,
}

/// The words of a line. Values are without quotes, with where they stand in the line.
fn options(line: &str) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::new();
    let mut start = None;
    let mut quote = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match quote {
            Some(mark) if at < line.len() => {
                if c == mark {
                    quote = None;
                }
                continue;
            }
            _ => {}
        }
        if c.is_whitespace() {
            if let Some(start) = start.take() {
                found.push(word(line, start, at));
            }
            continue;
        }
        if c == '#' && start.is_none() {
            break;
        }
        if matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        start.get_or_insert(at);
    }
    // `--name value`
    let values: Vec<Option<(&str, std::ops::Range<usize>)>> =
        found.iter().skip(1).map(|next| (!next.name.starts_with('-')).then(|| bare(line, next)).flatten()).collect();
    for (word, value) in found.iter_mut().zip(values) {
        if word.name.starts_with("--") && word.value.is_none() {
            word.value = value;
        }
    }
    found
}

fn word(line: &str, start: usize, end: usize) -> Word<'_> {
    let text = &line[start..end];
    match text.find('=').filter(|_| text.starts_with('-')) {
        Some(at) => Word { name: &text[..at], value: Some(unquoted(line, start + at + 1..end)) },
        None => Word { name: text, value: None },
    }
}

fn bare<'t>(line: &'t str, word: &Word<'t>) -> Option<(&'t str, std::ops::Range<usize>)> {
    let start = word.name.as_ptr() as usize - line.as_ptr() as usize;
    Some(unquoted(line, start..start + word.name.len()))
}

fn unquoted(line: &str, range: std::ops::Range<usize>) -> (&str, std::ops::Range<usize>) {
    let text = &line[range.clone()];
    let quoted = text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(&text[..1]);
    let range = if quoted { range.start + 1..range.end - 1 } else { range };
    (&line[range.clone()], range)
}

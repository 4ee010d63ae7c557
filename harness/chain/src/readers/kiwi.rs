//! A description of an image for kiwi.
//!
//! A package for architectures without x86_64, or for `type="bootstrap"`…, says so in where it stands. Archives are files
//! of the description itself.

use std::sync::Arc;

use super::comps::first_element;
use crate::chain::ChainKind;
use crate::limits;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::spelling;
use crate::why::Why;
use crate::xml::{self, Element, Piece};

/// The reader.
pub(crate) struct Kiwi;

impl Reader for Kiwi {
    fn kind(&self) -> ChainKind {
        ChainKind::Kiwi
    }

    /// XML whose first element is `image`, in a file of kiwi's name.
    fn fits(&self, source: &Source<'_>) -> bool {
        let name = source.path.file_name().unwrap_or_default();
        let named = matches!(source.path.extension(), Some("kiwi" | "xml"));
        named && !name.ends_with(".svg") && first_element(source).is_some_and(|name| name == "image")
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        description(source, &positions, into)
    }
}

/// Reads a description, whoever names it.
///
/// # Errors
/// It cannot be read as a whole.
pub(super) fn description(source: &Source<'_>, positions: &Positions, into: &mut Reading) -> Result<(), ReadError> {
    let mut kiwi = Description { source, into, included: 0, open: Vec::new(), debian: false };
    kiwi.file(positions, 0)
}

/// Files that include each other.
const DEEPEST: usize = 8;

struct Description<'r, 's> {
    source: &'r Source<'s>,
    into: &'r mut Reading,
    included: usize,
    /// Included files that are read now.
    open: Vec<String>,
    /// Its package manager is apt.
    debian: bool,
}

/// A list of packages.
#[derive(Default, Clone)]
struct List {
    within: String,
    remove: bool,
    optional: bool,
}

impl Description<'_, '_> {
    fn file(&mut self, positions: &Positions, depth: usize) -> Result<(), ReadError> {
        let mut open: Vec<String> = Vec::new();
        let mut list = List::default();
        let mut includes: Vec<(String, Place)> = Vec::new();
        xml::read(positions, &mut |piece| match piece {
            Piece::Close => {
                open.pop();
            }
            Piece::Text(text, _) => {
                if open.last().is_some_and(|name| name == "packagemanager") {
                    self.debian = text == "apt";
                }
            }
            Piece::Open(element) => {
                self.into.line();
                match element.name.as_str() {
                    "packages" => list = self::list(&element),
                    "include" => {
                        let from = element.get("from").unwrap_or_default().to_owned();
                        includes.push((from, element.place.clone()));
                    }
                    _ => self.element(&element, &list),
                }
                open.push(element.name);
            }
        })?;
        for (from, place) in includes {
            if let Err(why) = self.include(&from, depth) {
                self.into.not_understood(place, &from, why);
            }
        }
        Ok(())
    }

    fn include(&mut self, from: &str, depth: usize) -> Result<(), Why> {
        if depth >= DEEPEST || self.included >= limits::INCLUDES {
            return Err(format!(
                "files include each other more than {DEEPEST} deep, or more than {}",
                limits::INCLUDES
            )
            .into());
        }
        let name = from.trim_start_matches("file://").trim_start_matches("this://").trim_start_matches("./");
        let (path, text) = self.source.host.included(self.source.path, name).map_err(|why| why.to_string())?;
        if self.open.contains(&path) {
            return Err("a file that includes itself".into());
        }
        self.included += 1;
        let positions = Positions::new(&Arc::from(path.as_str()), &text);
        self.open.push(path);
        let read = self.file(&positions, depth + 1);
        self.open.pop();
        read.map_err(|why| why.to_string().into())
    }

    fn element(&mut self, element: &Element, list: &List) {
        let verb = if list.remove { Verb::Remove } else { Verb::Install };
        let Some((name, place)) = element.with_place("name") else {
            return self.other(element);
        };
        let want = match element.name.as_str() {
            "package" if self.debian && names::is_name(name) => Ok(Want::DebianPackage(name.to_owned())),
            "package" => spelling::package(name),
            "namedCollection" => spelling::group(name),
            "collectionModule" => {
                Ok(Want::Module { name: name.to_owned(), stream: element.get("stream").map(str::to_owned) })
            }
            "user" => {
                // kiwi makes groups that are not there.
                if let Some((shell, place)) = element.with_place("shell") {
                    let need = Need::new(Want::Path(shell.to_owned()), Verb::Use, place.clone(), shell);
                    self.into.need(need.within(Some("users")));
                }
                return;
            }
            _ => return self.other(element),
        };
        match want {
            Ok(want) => {
                let (mut within, mut optional) = (list.within.clone(), list.optional);
                if let Some(arch) = element.get("arch") {
                    within = format!("{within}, arch {arch}");
                    optional |= !arch.split(',').any(|one| one.trim() == "x86_64");
                }
                self.into.need(Need::new(want, verb, place.clone(), name).optional(optional).within(Some(within)));
            }
            Err(why) => self.into.not_understood(place.start_only(), name, why),
        }
    }

    /// An element that is no package.
    fn other(&mut self, element: &Element) {
        match element.name.as_str() {
            "source" => {
                if let Some((path, place)) = element.with_place("path").filter(|(path, _)| path.contains("://")) {
                    let want = Want::Repository(path.to_owned());
                    self.into.need(Need::new(want, Verb::Install, place.clone(), path).within(Some("repository")));
                }
            }
            "package" => self.into.not_understood(element.place.clone(), "package", "a package without a name"),
            name if is_known(name) => {}
            name => {
                let why = format!("the element `{}` is not read", muster_base::text::one_line(name, 60));
                self.into.not_understood(element.place.clone(), name, why);
            }
        }
    }
}

fn list(element: &Element) -> List {
    let kind = element.get("type").unwrap_or("image");
    let profiles = element.get("profiles").map(|names| format!(", profiles {names}")).unwrap_or_default();
    List {
        within: format!("packages {kind}{profiles}"),
        remove: matches!(kind, "delete" | "uninstall"),
        // A container or an initrd of its own is no part of the system.
        optional: kind == "testsuite",
    }
}

/// Elements of kiwi's schema 8.3 that need nothing of the distribution.
fn is_known(name: &str) -> bool {
    KNOWN.split_whitespace().any(|known| known == name)
}

const KNOWN: &str = "
archive argument author bootloader bootloader-theme bootloadersettings bootsplash-theme collectionModule contact container
containerconfig containers description dracut drivers entrypoint env environment expose file history ignore image initrd
installmedia installoption installoptions keytable label labels locale luksformat machine namedCollection oem-bootwait
oem-device-filter oem-multipath-scan oem-nic-filter oem-reboot oem-reboot-interactive oem-recovery oem-recovery-in-place
oem-recoveryID oem-resize oem-resize-once oem-shutdown oem-shutdown-interactive oem-silent-boot oem-silent-install
oem-silent-verify oem-skip-verify oem-swap oem-swapsize oem-systemsize oem-unattended oem-unattended-id oemconfig option
package packagemanager packages partition partitions port preferences product profile profiles registration release-version
repository requires rpm-check-signatures rpm-excludedocs rpm-locale-filtering securelinux shimoption shimoptions signing
size source specification strip subcommand systemdisk timezone type user users vagrantconfig version vmconfig-entry
vmdisk vmdvd vmnic volume volumes configoption configoptions bootoptions
";

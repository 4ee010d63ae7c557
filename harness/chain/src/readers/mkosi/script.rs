//! Scripts of mkosi(1): `mkosi.prepare`, `mkosi.build`, `mkosi.postinst`, `mkosi.finalize`, and the files of
//! `mkosi.postinst.d`. One whose name ends in `.chroot` runs in the image. The others run on the host, with the image in
//! `$BUILDROOT`: of them only what they install (`mkosi-install`, `dnf --installroot`), enable, and run in the image
//! (`mkosi-chroot`) is a need. Scripts of the other kinds (`mkosi.sync`, `mkosi.clean`…) have nothing to do with the image.

use std::sync::Arc;

use camino::Utf8Path;

use crate::host::Host;
use crate::reader::Reading;
use crate::shell::{Interpreter, Origin, Shell, count_lines};

/// Kinds of scripts that make the image, by the ends of their names, and the settings that name others of them.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("prepare", "PrepareScripts"),
    ("build", "BuildScripts"),
    ("postinst", "PostInstallationScripts"),
    ("finalize", "FinalizeScripts"),
];
/// Settings of scripts that work on the host alone.
pub(super) const OF_HOST: &[&str] = &["SyncScripts", "ConfigureScripts", "PostOutputScripts", "CleanScripts"];

/// Whether mkosi runs a file of this path by itself.
pub(crate) fn is_script(path: &Utf8Path) -> bool {
    let is_named = |name: &str| {
        let kind = name.strip_prefix("mkosi.").map(|name| name.strip_suffix(".chroot").unwrap_or(name));
        kind.is_some_and(|kind| KINDS.iter().any(|(known, _)| *known == kind))
    };
    let dir = path.parent().and_then(Utf8Path::file_name).and_then(|dir| dir.strip_suffix(".d"));
    is_named(path.file_name().unwrap_or_default()) || dir.is_some_and(is_named)
}

/// The values that mkosi(1) itself gives these variables: where it mounts things in the sandbox in which it runs a script.
const VARIABLES: &[(&str, &str)] = &[
    ("BUILDROOT", "/buildroot"),
    ("SRCDIR", "/work/src"),
    ("BUILDDIR", "/work/build"),
    ("DESTDIR", "/work/dest"),
    ("OUTPUTDIR", "/work/out"),
    ("ARTIFACTDIR", "/work/artifacts"),
    ("PACKAGEDIR", "/work/packages"),
];

/// A script that is read.
pub(super) struct Script<'s> {
    pub(super) host: &'s dyn Host,
    /// The configuration, next to which names of other files begin; the script itself where that was named.
    pub(super) from: &'s Utf8Path,
    /// As it was named.
    pub(super) file: Arc<str>,
    pub(super) text: &'s str,
    /// The image is made of a distribution with Debian's names.
    pub(super) debian: bool,
}

impl Script<'_> {
    pub(super) fn read(&self, into: &mut Reading) {
        let origin = Origin::whole(&self.file, self.text);
        let interpreter = Interpreter::of(self.text);
        if let Some(interpreter) = interpreter.filter(|interpreter| !interpreter.is_shell()) {
            // Code of another language is one thing that is not understood, however many lines it has.
            (0..2).for_each(|_| into.line());
            let body = self.text.find('\n').map_or(self.text.len(), |end| end + 1);
            let line = self.text[body..].lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let name = muster_base::text::one_line(interpreter.name(), 40);
            return into.not_understood(origin.line(body), line, format!("what code for {name} needs is not read"));
        }
        count_lines(self.text, into);
        let mut shell = Shell::new(self.host, self.from);
        shell.local();
        shell.within(Some(Utf8Path::new(&*self.file).file_name().unwrap_or(&self.file).to_owned()));
        VARIABLES.iter().for_each(|(name, value)| shell.set(name, Some(value)));
        // `exec mkosi-chroot "$CHROOT_SCRIPT" "$@"`: it runs itself again, in the image.
        let in_image = self.file.ends_with(".chroot") || self.text.contains("CHROOT_SCRIPT");
        match in_image {
            true => shell.in_image_of("DISTRIBUTION"),
            false => shell.elsewhere("DISTRIBUTION"),
        }
        if self.debian {
            shell.names_of_debian();
        }
        shell.run(self.text, &origin, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_by_their_names() {
        for name in ["mkosi.postinst", "a/mkosi.build.chroot", "mkosi.prepare", "mkosi.finalize.d/10-x.sh"] {
            assert!(is_script(Utf8Path::new(name)), "{name}");
        }
        for name in ["mkosi.sync", "mkosi.conf", "postinst", "mkosi.clean.d/x", "mkosi.postinst.txt", "build.d/x"] {
            assert!(!is_script(Utf8Path::new(name)), "{name}");
        }
    }
}

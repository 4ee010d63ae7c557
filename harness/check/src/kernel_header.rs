//! What a kernel configuration's own text says of itself: for which kernel and processor it was
//! written, and whether it is all of it.

use std::cmp::Ordering;

use muster_suite::version;

/// What a configuration says of itself. Both are what the file's author wrote: hostile, bounded by
/// who shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The kernel's release, as the build wrote it: `6.18.5`, `6.17.5-200.fc42.x86_64`.
    pub release: Option<String>,
    /// As `uname -m` says it: `x86_64`, `aarch64`.
    pub arch: Option<String>,
}

impl Header {
    /// What it says, by the dimensions of conditions.
    pub fn dimensions(&self) -> Vec<(&'static str, String)> {
        let said = [("kernel", &self.release), ("arch", &self.arch)];
        said.into_iter().filter_map(|(dimension, value)| Some((dimension, value.clone()?))).collect()
    }
}

/// Reads the header `# Linux/x86 6.18.5 Kernel Configuration` that the kernel's build writes. Where
/// there is none, the processor is taken from the first line that Fedora's fragments have
/// (`# x86_64`), or from the symbol that every kernel of that processor has.
pub fn read(text: &str) -> Header {
    let stated = stated(text);
    let has = |symbol: &str| text.lines().any(|line| line.trim_end() == symbol);
    let arch = match stated.map(|(arch, _)| arch).or_else(|| fragment_arch(text)) {
        // The build writes the directory of arch/, which for several is not what `uname` says.
        Some("x86_64") => Some("x86_64"),
        Some("arm64" | "aarch64") => Some("aarch64"),
        Some("s390") if has("CONFIG_64BIT=y") => Some("s390x"),
        Some("riscv") if has("CONFIG_64BIT=y") => Some("riscv64"),
        Some("powerpc") if has("CONFIG_PPC64=y") && has("CONFIG_CPU_LITTLE_ENDIAN=y") => Some("ppc64le"),
        Some("x86") | None if has("CONFIG_X86_64=y") => Some("x86_64"),
        Some("x86") if has("CONFIG_X86_32=y") => Some("i686"),
        None if has("CONFIG_ARM64=y") => Some("aarch64"),
        _ => None,
    };
    Header { release: stated.map(|(_, release)| release.to_owned()), arch: arch.map(str::to_owned) }
}

/// Whether the text is a whole configuration and not a fragment or the beginning of one. The build writes
/// the header. Since Linux 5.3 it also marks the end of each menu (scripts/kconfig/confdata.c), and the menu
/// "Kernel hacking" comes after all the others but those of distributions. Older ones only name their menus:
/// the last one is "Kernel hacking" since 4.19 and "Library routines" before, so both must have begun.
pub fn is_complete(text: &str) -> bool {
    let Some((_, release)) = stated(text) else { return false };
    let has = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    let marks_ends = text.lines().any(|line| line.starts_with("# end of "));
    if marks_ends || version::order(release, "5.3").is_none_or(Ordering::is_ge) {
        return has("# end of Kernel hacking");
    }
    has("# Kernel hacking") && has("# Library routines")
}

/// Processor and release of the header.
fn stated(text: &str) -> Option<(&str, &str)> {
    text.lines().take(HEAD).find_map(|line| {
        let words = line.trim_end().strip_prefix("# Linux/")?.strip_suffix(" Kernel Configuration")?;
        words.split_once(' ').filter(|(arch, release)| !arch.is_empty() && !release.contains(char::is_whitespace))
    })
}

/// Lines in which the header must stand.
const HEAD: usize = 20;

fn fragment_arch(text: &str) -> Option<&str> {
    let word = text.lines().next()?.trim_end().strip_prefix("# ")?;
    matches!(word, "x86_64" | "arm64" | "aarch64").then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<String>, Option<String>) {
        let header = read(text);
        (header.release, header.arch)
    }

    fn both(release: &str, arch: &str) -> (Option<String>, Option<String>) {
        (Some(release.to_owned()), Some(arch.to_owned()))
    }

    #[test]
    fn the_header_names_the_release_and_the_processor_as_uname_does() {
        let header = |arch: &str, release: &str, rest: &str| {
            said(&format!(
                "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/{arch} {release} Kernel Configuration\n#\n{rest}\n"
            ))
        };
        assert_eq!(header("x86", "6.18.5", "CONFIG_64BIT=y\nCONFIG_X86_64=y"), both("6.18.5", "x86_64"));
        assert_eq!(header("x86", "6.1.0", "CONFIG_X86_32=y"), both("6.1.0", "i686"));
        assert_eq!(header("x86_64", "6.17.5-200.fc42.x86_64", "CONFIG_A=y"), both("6.17.5-200.fc42.x86_64", "x86_64"));
        assert_eq!(header("arm64", "6.18.5", "CONFIG_A=y"), both("6.18.5", "aarch64"));
        assert_eq!(header("x86", "6.1.0", "CONFIG_A=y"), (Some("6.1.0".to_owned()), None), "not guessed");
    }

    #[test]
    fn a_fragment_may_still_name_its_processor() {
        assert_eq!(said("# x86_64\nCONFIG_A=y\n"), (None, Some("x86_64".to_owned())));
        assert_eq!(said("CONFIG_ARM64=y\r\n"), (None, Some("aarch64".to_owned())));
        assert_eq!(said("# anything\nCONFIG_A=y\n"), (None, None));
    }

    #[test]
    fn a_fragment_and_a_cut_file_are_not_complete() {
        let head = "# Linux/x86 6.18.5 Kernel Configuration\n";
        assert!(is_complete(&format!(
            "{head}CONFIG_A=y\n# end of General setup\n# end of Kernel hacking\nCONFIG_B=y\n"
        )));
        assert!(!is_complete(&format!("{head}CONFIG_A=y\n")), "cut before the end of the first menu");
        assert!(!is_complete(&format!("{head}CONFIG_A=y\n# end of Kernel hack")), "cut in the last line");
        assert!(!is_complete(&format!("{head}CONFIG_A=y\n# end of General setup\nCONFIG_B=y\n")));
        assert!(!is_complete("# x86_64\nCONFIG_A=y\n# CONFIG_B is not set\n"));
        // Before 5.3 no menu has an end, and two have been the last.
        let menus = ["# Kernel hacking\n#\nCONFIG_A=y\n#\n", "# Library routines\n#\nCONFIG_B=y\n"];
        for (release, [first, last]) in [("5.2.21", [menus[1], menus[0]]), ("4.14.336", menus)] {
            let head = format!("# Linux/x86 {release} Kernel Configuration\n#\n");
            assert!(is_complete(&format!("{head}{first}{last}")), "{release}");
            assert!(!is_complete(&format!("{head}{first}")), "{release}, cut");
            assert!(!is_complete(&format!("{head}CONFIG_A=y\n")), "{release}, a fragment");
        }
        let late = format!("{}{head}", "CONFIG_A=y\n".repeat(HEAD));
        assert!(!is_complete(&late), "a header further down belongs to something that was appended");
    }
}

//! `/usr/lib/ostree/prepare-root.conf`: how ostree mounts a deployment. Pure.
//!
//! Facts: ostree-prepare-root(1), `composefs.enabled`, `root.transient` and the argument `ostree.prepare-root.composefs`; a root that is transient lies on composefs too.

/// Whether a deployment lies on composefs. `maybe` is where the kernel has it, and counts.
pub(super) fn composefs(text: &str) -> bool {
    let mut section = "";
    let mut enabled = None;
    let mut transient = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once('=') {
            match (section, key.trim()) {
                ("composefs", "enabled") => enabled = Some(value.trim()),
                ("root", "transient") => transient = is_on(value.trim()),
                _ => {}
            }
        }
    }
    transient || enabled.is_some_and(|enabled| is_on(enabled) || ["maybe", "signed", "verity"].contains(&enabled))
}

/// Whether an argument of the kernel switches composefs off, which counts more than the file.
pub(super) fn switches_off(argument: &str) -> bool {
    argument.strip_prefix("ostree.prepare-root.composefs=").is_some_and(|value| ["no", "false", "0"].contains(&value))
}

fn is_on(value: &str) -> bool {
    ["yes", "true", "1"].contains(&value)
}

#[cfg(test)]
mod tests {
    use super::{composefs, switches_off};

    #[test]
    fn the_last_of_two_values_and_the_kernels_argument_count() {
        assert!(composefs("[composefs]\nenabled = no\nenabled = yes\n"));
        assert!(!composefs("[composefs]\nenabled = yes\nenabled = no\n"));
        assert!(!composefs("[composefs]\nenabled = yes\n[root]\ntransient = no\n[composefs]\nenabled = false\n"));
        assert!(switches_off("ostree.prepare-root.composefs=0"));
        for other in ["ostree.prepare-root.composefs=1", "ostree.prepare-root.composefs=signed", "composefs=0", "quiet"]
        {
            assert!(!switches_off(other), "{other}");
        }
    }

    #[test]
    fn it_is_on_where_its_section_says_so() {
        for on in ["[composefs]\nenabled = true\n", "[composefs]\nenabled=verity", "[root]\ntransient = true\n"] {
            assert!(composefs(on), "{on}");
        }
        for off in [
            "",
            "enabled = true",
            "[composefs]\nenabled = no",
            "[etc]\ntransient = true",
            "[composefs]\n# enabled = true",
        ] {
            assert!(!composefs(off), "{off}");
        }
    }
}

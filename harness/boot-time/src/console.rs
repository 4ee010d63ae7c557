//! What the console shows of a boot: where the boot loader and the kernel began.

/// Beginnings of lines, or parts of them, of boot loaders that are starting; lower case.
const LOADERS: [&str; 8] =
    ["welcome to grub", "gnu grub", "grub loading", "syslinux ", "extlinux ", "isolinux ", "systemd-boot", "u-boot "];

/// What firmware says when it hands over; the loader begins there.
const HANDED_OVER: [&str; 2] = ["bdsdxe: starting boot", "booting from hard disk"];

/// What the console shows, in nanoseconds of the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// The boot loader began.
    pub(crate) loader: Option<u64>,
    /// The kernel's clock was zero: the earliest moment that a time stamp on the console allows.
    pub(crate) kernel_zero: Option<u64>,
}

/// Looks through lines and when they ended, in order.
pub(crate) fn look(lines: &[(u64, String)]) -> Seen {
    let mut seen = Seen::default();
    for (at, text) in lines {
        let stamp = stamp(text);
        if stamp.is_none() && seen.kernel_zero.is_none() && seen.loader.is_none() {
            let lower = text.to_lowercase();
            if HANDED_OVER.iter().chain(&LOADERS).any(|part| lower.contains(part)) {
                seen.loader = Some(*at);
            }
        }
        // A line comes later than it was printed, never earlier: the least difference is nearest to the truth.
        if let Some(zero) = stamp.and_then(|stamp| at.checked_sub(stamp)) {
            seen.kernel_zero = Some(seen.kernel_zero.map_or(zero, |known| known.min(zero)));
        }
    }
    seen
}

/// The kernel's time stamp in nanoseconds: `[   12.345678] `, also behind what the loader left in the line.
fn stamp(text: &str) -> Option<u64> {
    let begin = text.rfind('[').filter(|at| *at == 0).or_else(|| text.find('['))?;
    let inside = &text[begin + 1..];
    let inside = inside[..inside.find(']')?].trim_start();
    let (seconds, micros) = inside.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(micros) || micros.len() != 6 {
        return None;
    }
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(micros.parse::<u64>().ok()? * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_seen_and_the_least_delay_is_believed() {
        let lines = [
            (1_000_000_000, "SeaBIOS (version 1.16.3)"),
            (2_000_000_000, "Booting from Hard Disk..."),
            (2_500_000_000, "GRUB loading."),
            (5_900_000_000, "Probing EDD... o[    0.000000] Linux version 6.12"),
            (6_100_000_000, "[    0.300000] x"),
            (6_200_000_000, "[    0.350000] y [ 9.000000] z"),
            (9_000_000_000, "[  OK  ] Reached target"),
        ];
        let lines = lines.map(|(at, text)| (at, text.to_owned()));
        assert_eq!(look(&lines), Seen { loader: Some(2_000_000_000), kernel_zero: Some(5_800_000_000) });
        assert_eq!(look(&[]), Seen::default());
    }

    #[test]
    fn nothing_that_only_looks_like_a_stamp_is_one() {
        for text in [
            "[  OK  ]",
            "[1.5]",
            "[ 12.1234567]",
            "[-1.000000]",
            "[99999999999999999999.000000]",
            "x",
            "[",
            "[1.000000",
        ] {
            assert_eq!(stamp(text), None, "{text}");
        }
        assert_eq!(stamp("[   12.345678] x"), Some(12_345_678_000));
    }
}

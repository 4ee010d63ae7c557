//! Where in its life the guest is: what has spoken since it started, and whether a restart was
//! announced. A kernel that starts without that has lost the one before. Pure.

use std::sync::OnceLock;

use regex::Regex;

use super::message::Message;

/// Seconds of the kernel's clock after which a guest is taken to be past its boot. Until then the
/// kernel may print its whole log again, when a second console takes over the port.
const BOOTED: f64 = 30.0;

/// What must have come before a line in the same boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// Anything at all.
    Text,
    /// A message of a kernel.
    Kernel,
    /// A sign of user space, or half a minute of the kernel's clock.
    Boot,
}

/// What was seen since the guest started.
#[derive(Debug, Default)]
pub(crate) struct Boots {
    text: bool,
    kernel: bool,
    boot: bool,
    announced: bool,
}

/// What a kernel, init or a boot program prints when the restart is meant, or is known for what it
/// is: after a panic there is a finding already.
const ANNOUNCED: &str = r"^(?x:
    reboot:\ (?:Restarting|Power|machine\ restart|System\ halted)
  | Kernel\ panic\ -\ not\ syncing
  | Rebooting\ in\ [0-9]+\ seconds
  | (?:kexec_core:\ |kexec:\ )?Starting\ new\ kernel
  | Starting\ crashdump\ kernel
  | sysrq:\ (?:SysRq\ :\ )?(?:Resetting|Trigger\ a\ crash|Power\ Off)
  | systemd-shutdown\[1\]:\ (?:Rebooting|Powering\ off|Halting|Syncing)
  | (?:\[\ *OK\ *\]\ )?Reached\ target\ .{0,40}(?:[Rr]eboot|[Pp]ower-?\ ?[Oo]ff|[Ss]hutdown|[Hh]alt|[Kk]exec)
  | (?:systemd\[1\]:\ )?(?:Rebooting|Powering\ off|Restarting\ system|Shutting\ down)\.
  | The\ system\ (?:is\ going\ down|will\ reboot)
  | Requesting\ system\ (?:reboot|poweroff|halt)
)";

/// What only a running user space prints.
const USER_SPACE: &str = r"^(?x:
    \[\ *(?:OK|FAILED|DEPEND|TIME)\ *\]\ 
  | systemd\[1\]:\ 
  | Run\ /\S+\ as\ init\ process
  | cloud-init\[
  | [A-Za-z0-9._-]{1,64}\ login:
)";

fn matches(cell: &'static OnceLock<Option<Regex>>, pattern: &str, text: &str) -> bool {
    cell.get_or_init(|| Regex::new(pattern).ok()).as_ref().is_some_and(|regex| regex.is_match(text))
}

impl Boots {
    /// Takes note of a message.
    pub(crate) fn see(&mut self, message: &Message<'_>) {
        static ANNOUNCEMENTS: OnceLock<Option<Regex>> = OnceLock::new();
        static SIGNS: OnceLock<Option<Regex>> = OnceLock::new();
        self.text = true;
        self.kernel |= message.stamp.is_some();
        self.boot |= message.stamp.is_some_and(|seconds| seconds >= BOOTED);
        for text in message.readings() {
            self.boot |= !self.boot && matches(&SIGNS, USER_SPACE, text);
            self.announced |= !self.announced && matches(&ANNOUNCEMENTS, ANNOUNCED, text);
        }
    }

    /// Whether what must have come before has come, and no restart was announced since.
    pub(crate) fn allow(&self, earlier: Earlier) -> bool {
        self.came(earlier) && !self.announced
    }

    /// Whether what must have come before has come.
    pub(crate) fn came(&self, earlier: Earlier) -> bool {
        match earlier {
            Earlier::Text => self.text,
            Earlier::Kernel => self.kernel,
            Earlier::Boot => self.boot,
        }
    }

    /// A restart is meant that the guest may not announce: the reset button is pressed.
    pub(crate) fn announce(&mut self) {
        self.announced = true;
    }

    /// A new boot has begun.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::messages;
    use super::*;

    fn after(lines: &[&str]) -> Boots {
        let mut boots = Boots::default();
        for message in lines.iter().flat_map(|line| messages(line, true)) {
            boots.see(&message);
        }
        boots
    }

    #[test]
    fn evidence_grows_with_what_was_printed() {
        let which = |lines: &[&str]| {
            let boots = after(lines);
            [Earlier::Text, Earlier::Kernel, Earlier::Boot].map(|earlier| boots.allow(earlier))
        };
        assert_eq!(which(&[""]), [false, false, false]);
        assert_eq!(which(&["BdsDxe: loading Boot0001"]), [true, false, false]);
        assert_eq!(which(&["[    2.000000] usb 1-1: x"]), [true, true, false]);
        assert_eq!(which(&["[   31.000000] usb 1-1: x"]), [true, true, true]);
        assert_eq!(which(&["[    2.000000] Run /init as init process"]), [true, true, true]);
        assert_eq!(which(&["[  OK  ] Started x"]), [true, false, true]);
    }

    #[test]
    fn an_announced_restart_is_none_to_wonder_at() {
        for said in [
            "[   99.000000] reboot: Restarting system",
            "[   99.000000] reboot: Power down",
            "[   99.000000] systemd-shutdown[1]: Rebooting.",
            "[  OK  ] Reached target reboot.target - System Reboot.",
            "[  OK  ] Reached target System Power Off.",
            "[   99.000000] kexec_core: Starting new kernel",
            "[   99.000000] Kernel panic - not syncing: x",
            "[   99.000000] sysrq: Resetting",
            "The system is going down for reboot NOW!",
        ] {
            assert!(!after(&["[   98.000000] x", said]).allow(Earlier::Text), "{said}");
        }
        assert!(after(&["[   98.000000] x", "[   99.000000] reboot: x"]).allow(Earlier::Boot));
        let mut boots = after(&["[   98.000000] x"]);
        boots.begin();
        assert!(!boots.allow(Earlier::Text));
    }
}

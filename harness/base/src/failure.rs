//! Failure ids: the stable words by which a non-pass is known to JUnit `type`, `run.json`, known
//! issues and the documentation. One table; a new way to fail starts with a row in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A stable failure id such as `ssh.lost` or `package.version`.
///
/// Ids of checks are `<check type>.<attribute>`, derived from the check's attribute table; all
/// others are constants of this module and rows of [`TABLE`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureId(Cow<'static, str>);

impl FailureId {
    const fn known(id: &'static str) -> Self {
        Self(Cow::Borrowed(id))
    }

    /// The id of an expectation: check type and attribute.
    pub fn of_check(check: &str, attribute: &str) -> Self {
        Self(Cow::Owned(format!("{check}.{attribute}")))
    }

    /// The id of a console finding, by its category.
    pub fn of_console(category: &str) -> Self {
        Self(Cow::Owned(format!("console.{category}")))
    }

    /// The id as written in reports.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FailureId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a failure speaks against the image, against the run, or only explains a skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The image does not do what was expected of it.
    Fail,
    /// The question could not be answered: infrastructure, or a probe that could not run.
    Error,
    /// The question was not asked.
    Skip,
}

/// One row: the id, its class, what it means, what to do next.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The id.
    pub id: &'static str,
    /// What it counts as.
    pub class: Class,
    /// What happened, for the documentation.
    pub meaning: &'static str,
    /// What a person does next.
    pub next: &'static str,
}

macro_rules! table {
    ($( $name:ident = $id:literal, $class:ident, $meaning:literal, $next:literal; )*) => {
        $( #[doc = $meaning] pub const $name: FailureId = FailureId::known($id); )*
        /// Every id that is not derived from a check's attribute table or a console category.
        pub const TABLE: &[Row] = &[ $( Row { id: $id, class: Class::$class, meaning: $meaning, next: $next } ),* ];
    };
}

table! {
    IMAGE_MISSING = "image.missing", Error, "The image file is not there.", "Check the path; that of an entry of `images/*.yaml` begins in the directory of that file. `muster images list` says of each image of the catalogue whether it is here, and which command brings it.";
    IMAGE_UNREADABLE = "image.unreadable", Error, "The image file cannot be read as its format: truncated, corrupt, or not an image.", "Fetch it again and compare its checksum; `qemu-img check` says more.";
    IMAGE_BACKING_FILE = "image.backing-file", Error, "The image names a backing file, which could be any file of this host.", "Flatten it with `qemu-img convert`, or allow it explicitly if you made it.";
    IMAGE_DATA_FILE = "image.data-file", Error, "The image keeps its data in another file, which could be any file of this host.", "Flatten it with `qemu-img convert`.";
    IMAGE_SIZE = "image.size", Error, "The virtual size of the image is beyond the limit.", "Check the image; raise the limit in its description if it is meant to be so large.";
    IMAGE_FORMAT = "image.format", Error, "The image is not of the format that was stated.", "State the right format in the image description or with `--image-format`.";
    IMAGE_REFUSED = "image.refused", Error, "The path is not a plain file (a symbolic link, a device, a directory).", "Name the file itself.";
    IMAGE_ENCRYPTED = "image.encrypted", Error, "The image is encrypted, and no key can be given for it.", "Decrypt it with `qemu-img convert`.";
    IMAGE_SNAPSHOTS = "image.snapshots", Error, "The image keeps snapshots inside: other states of the disk than the one that is tested.", "Flatten it with `qemu-img convert`.";
    IMAGE_COMPRESSED = "image.compressed", Error, "The image could not be unpacked: truncated, corrupt, or packed otherwise than its name says.", "Fetch it again and compare its checksum.";
    IMAGE_BOMB = "image.bomb", Error, "The image unpacks to more than is allowed.", "If it is meant to be so large, unpack it by hand and name the result.";
    IMAGE_ARCHIVE = "image.archive", Error, "The tar or OCI layout is refused as a root file system: damaged, beyond the bounds, or reaching outside itself.", "The message names the entry; make the archive again.";
    IMAGE_DOWNLOAD = "image.download", Error, "The image, its checksum file or its signature could not be fetched.", "The message names the address and what the server said; check the network and the proxy, and pull it again.";
    IMAGE_REDIRECT = "image.redirect", Error, "The server redirects to where a download may not come from: too often, away from https, or to another kind of address.", "Contact the vendor, or state another address in the description.";
    IMAGE_SLOW = "image.slow", Error, "The download made too little progress.", "Pull it again later: it resumes where it stopped.";
    IMAGE_DOWNLOAD_SIZE = "image.download-size", Error, "The server sends more than the description allows.", "Check the address; raise `max-size` if the image is meant to be so large.";
    IMAGE_RESUME = "image.resume", Error, "When a download was resumed, the server answered with something else than the rest of the same file.", "Pull it again: it starts from the beginning.";
    IMAGE_CHECKSUM = "image.checksum", Error, "The image has another digest than was published or stated.", "Pull it again; report it to the vendor when that does not help, and do not use it.";
    IMAGE_CHECKSUM_FILE = "image.checksum-file", Error, "The checksum file does not name the image, names it twice, or contradicts the description.", "Compare it with the description: vendors rename their files.";
    IMAGE_SIGNATURE = "image.signature", Error, "The signature of the image or of its checksum file is missing, not good, or by a key that is not known.", "Do not use the image before you know why; compare the vendor's key.";
    IMAGE_UNSIGNED = "image.unsigned", Error, "A signature was required, and none can be verified for this image.", "Get the vendor's key and name it with `--keyring`.";
    CACHE_UNUSABLE = "cache.unusable", Error, "The image cache could not be used.", "Look at its permissions and its free space.";
    IMAGE_OTHER = "image.other", Error, "The image is another file than in the run that this one goes on with, whose results would be kept.", "Start a run of its own, without `--rerun` and `--resume`; or name the file of that run.";
    IMAGE_CHANGED = "image.changed", Error, "The bytes of the source image changed while it was in use.", "Find out who wrote to it; the results are void.";
    QEMU_MISSING = "qemu.missing", Error, "The emulator, or a tool that comes with it, is not installed.", "Run `muster doctor`: it names the package.";
    QEMU_REFUSED = "qemu.refused", Error, "QEMU ended before the machine started.", "Read its message; `qemu-command` in the machine's directory starts it by hand.";
    ACCELERATOR_UNAVAILABLE = "accelerator.unavailable", Error, "The accelerator that was requested does not work on this host.", "Use `--accel auto`, or run `muster doctor`.";
    FIRMWARE_MISSING = "firmware.missing", Error, "No firmware on this host offers what the image needs.", "Install the OVMF package; `muster doctor` names it.";
    SEED_FAILED = "seed.failed", Error, "The seed (key, user, network) could not be written.", "Read the message; the run directory may be full or read-only.";
    SEED_REJECTED = "seed.rejected", Error, "The guest answers SSH but refuses the key of this run.", "The image did not apply the seed: check its kind (`seed:`) and the console for cloud-init's messages.";
    BOOT_TIMEOUT = "boot.timeout", Error, "The guest did not answer SSH before its deadline.", "Read the end of console.log; raise `boot-timeout` only if the guest was still making progress.";
    BOOT_UNSETTLED = "boot.unsettled", Error, "The guest answers, but its boot did not finish before the deadline.", "`systemctl list-jobs` in the guest names what it waits for.";
    BOOT_EMERGENCY = "boot.emergency", Fail, "The boot ended in an emergency shell.", "The console excerpt names the unit or device that failed.";
    MACHINE_EXITED = "machine.exited", Error, "QEMU ended while its guest was in use.", "Read qemu.log in the machine's directory; look for the host's OOM killer.";
    MACHINE_SEGMENT = "machine.segment", Error, "The machines of a test could not be connected with each other.", "The message says which machine, and what its guest answered. The guest needs the command `ip`.";
    MACHINE_POWERED_OFF = "machine.powered-off", Error, "The guest powered itself off while it was in use.", "The end of console.log shows what caused it.";
    MACHINE_REBOOTED = "machine.rebooted", Error, "The guest rebooted by itself while it was in use.", "The end of console.log shows what caused it; a reboot that is meant is a `reboot:` step.";
    HOST_DISK_FULL = "host.disk-full", Error, "This host has no space left for what the guest writes to its disk, so its machine was stopped.", "Free some space in the file system of the run directory, or name another directory with `--out`.";
    SSH_LOST = "ssh.lost", Error, "The SSH connection broke and did not come back.", "Look at console.log and at what the test did to sshd or the network.";
    SSH_PROTOCOL = "ssh.protocol", Error, "The guest answered outside the protocol of its shell.", "The shell of the guest was replaced or disturbed; see the excerpt.";
    SSH_HOST_KEY = "ssh.host-key", Error, "The guest showed another host key than before.", "Something regenerated the host keys, or this is another machine.";
    REMOTE_UNREACHABLE = "remote.unreachable", Error, "Nothing answers SSH at the address that `--connect` names.", "Check the address and the port, that the machine is up, and the firewalls between.";
    REMOTE_REFUSED = "remote.refused", Error, "The machine that `--connect` names refuses the key.", "Check the user and `--identity`; `ssh -i FILE USER@HOST` must work without a password.";
    COMMAND_TIMEOUT = "command.timeout", Fail, "A command did not end before its time-out and was killed.", "Run it by hand; raise `timeout:` if it is slow by nature.";
    COMMAND_OUTPUT = "command.output-limit", Fail, "A command printed more than the limit and was killed.", "Redirect its output to a file in the guest.";
    PROBE_FAILED = "probe.failed", Error, "What is needed to answer could not be read in the guest.", "The message names the command and what it said.";
    EXPECT_ANY_OF = "expect.any-of", Fail, "None of the alternatives that a test gives (`expect: any-of`) holds.", "The report shows what each alternative misses; one of them has to hold.";
    STEP_RUN = "step.run", Fail, "A `run` step ended with another status or output than it states.", "Read its output in the report.";
    STEP_INSTALL = "step.install", Fail, "An `install` step did not install.", "Read the package manager's output in the report. Where it could not reach its repositories: a machine reaches the internet only where its tests need it; give the test the tag `needs-internet`.";
    STEP_REMOVE = "step.remove", Fail, "A `remove` step did not remove, or there was nothing to remove.", "Read the package manager's output in the report.";
    STEP_UPDATE = "step.update", Fail, "An `update` step failed, or left packages behind that are offered newer.", "Read the package manager's output in the report.";
    STEP_SERVICE = "step.service", Fail, "A `service` step did not bring the unit to the stated state.", "`systemctl status` of the unit is in the report.";
    STEP_WRITE = "step.write", Fail, "A `write` step could not write the file.", "Check the path, and whether its file system is read-only.";
    REBOOT_REFUSED = "reboot.refused", Fail, "The guest refused to reboot.", "Read what it said; an inhibitor or a broken init is the usual reason.";
    REBOOT_SAME_BOOT = "reboot.same-boot", Fail, "The guest answers, but it is still the boot that was to end: nothing was rebooted.", "Look at what `systemctl reboot` waits for; give the step a longer `timeout` if the guest is slow to stop.";
    REBOOT_TWICE = "reboot.twice", Fail, "One reboot was requested and the guest rebooted more often.", "console.log shows each start; look for a watchdog, a failing boot entry, or a service that reboots.";
    REBOOT_TIMEOUT = "reboot.timeout", Fail, "The guest did not come back from a reboot before the deadline.", "Read the end of console.log; raise the step's `timeout` only if the guest was still making progress.";
    REBOOT_UNSETTLED = "reboot.unsettled", Fail, "The guest came back from a reboot, but its boot did not finish before the deadline.", "`systemctl list-jobs` in the guest names what it waits for.";
    REBOOT_HOST_KEY = "reboot.host-key", Fail, "The guest shows another SSH host key after a reboot than before it.", "Find out what makes host keys at every boot: clients take this for an attack.";
    REBOOT_UNPROVEN = "reboot.unproven", Error, "The guest came back from a reboot, but what happened meanwhile is not known.", "The message names what is missing; a console that shows the kernel's start, or a journal that survives, settles it.";
    TEST_TIMEOUT = "test.timeout", Error, "The test did not end before its time-out.", "The report says which part was running.";
    STEP_UPLOAD = "step.upload", Fail, "An `upload` step could not bring its file into the guest.", "Check the file, the path in the guest, and whether its file system is read-only or full.";
    PRODUCT_INSTALL = "product.install", Fail, "A product of `--product` did not install on the image, so that its tests did not run.", "Read the package manager's output in the report. Where it could not reach its repositories: a machine reaches the internet only where its tests need it; give the suite `tags: [needs-internet]`.";
    KERNEL_INSTALL = "kernel.install", Fail, "The kernel that a matrix names did not install on the image, or its package holds no kernel.", "Read the package manager's output in the report.";
    KERNEL_UNSENT = "kernel.unsent", Error, "A file of a kernel that a matrix names did not get into the guest as it was when the suite was read.", "Check the file, and whether the guest's file system is read-only or full.";
    KERNEL_DEFAULT = "kernel.default", Fail, "The kernel that a matrix names was installed, and could not be made the one to boot.", "Read what the boot loader's tool said; the image needs grubby, bootctl or grub2-editenv.";
    KERNEL_BOOT = "kernel.boot", Fail, "The image does not boot with the kernel that a matrix names.", "Read the end of console.log; `muster boot` with the same image shows that it boots with its own kernel.";
    KERNEL_OTHER = "kernel.other", Fail, "The machine was rebooted into the kernel that a matrix names, or again on it, and runs another.", "Look at the boot loader's configuration: what was made the default is not what it boots. A test that changes the kernel on purpose expects its release.";
    UPDATES_INSTALL = "updates.install", Error, "The updates of one step of `muster bisect --packages` did not install, so that the test did not run.", "Read the package manager's output in the report; the search leaves the step out and tests another.";
    PRODUCT_UNSENT = "product.unsent", Error, "The file of a product did not get into the guest as it was when the run began.", "Check the file, and whether the guest's file system is read-only or full.";
    SETUP_FAILED = "setup.failed", Error, "The suite's setup failed, so that its tests could not run.", "Fix the setup steps first.";
    TEARDOWN_FAILED = "teardown.failed", Fail, "A step of the suite's teardown did not do what it states.", "Fix the teardown, or what the tests left behind.";
    CLAIM_FALSE = "claim.false", Fail, "The image does not have what its entry in the catalogue claims (`claims`).", "Correct the image, or the claim; tests about it may have been skipped in this run.";
    CLAIM_UNREAD = "claim.unread", Error, "Whether the image has what its entry in the catalogue claims could not be read in its guests.", "The message says what is missing: make it readable in the guest, or start a machine as the entry describes it.";
    BASE_FAILED_UNITS = "base.failed-units", Fail, "A systemd unit failed while this test ran.", "`systemctl status` of the unit is in the report.";
    BASE_CRASH_LOOP = "base.crash-loop", Fail, "systemd restarts a service again and again: it waits for its third start, or was restarted for the third time or a later one while this test ran.", "`systemctl status` of the service is in the report; `journalctl -u` says why it ends.";
    BASE_AVC = "base.avc", Fail, "SELinux denied an access while this test ran.", "The denial is in the report.";
    BASE_COREDUMP = "base.coredump", Fail, "A process dumped core while this test ran.", "`coredumpctl info` in the guest says more.";
    BASE_OOM = "base.oom", Fail, "The kernel killed a process because memory ran out while this test ran.", "Give the machine more memory, or find the process that took it.";
    BASE_TAINT = "base.taint", Fail, "The kernel became tainted while this test ran.", "The report decodes the bits; the console says what set them.";
    SNAPSHOT_CHANGED = "snapshot.changed", Fail, "A fact differs from its accepted snapshot.", "Read the diff; if it is right, accept it with `muster snapshots accept` or `cargo insta review`, or run with `--update-snapshots`.";
    KNOWN_UNEXPECTED_PASS = "known-issue.unexpected-pass", Fail, "The test passed, although a known issue says that it fails.", "Delete the entry that the message names, or narrow it.";
    PROOF_PASSED = "proof.passed", Fail, "A test passed on a guest that was changed so that it must fail.", "The test cannot fail as its proof says: fix the test, or the proof.";
    PROOF_OTHER = "proof.other-failure", Fail, "A test failed on a changed guest, but in another way than its proof says.", "Read how it failed; fix the change or the expected ids.";
    SNAPSHOT_NEW = "snapshot.new", Fail, "A snapshot has never been accepted for this image.", "Look at it with `muster snapshots review`, then accept it with `muster snapshots accept`, or run with `--update-snapshots`.";
    PORT_ABSENT = "port.absent", Fail, "A chain needs something that neither the system nor an enabled repository has.", "Look at the near names that the report shows; package it, or do without.";
    PORT_NAME = "port.name", Fail, "What a chain needs has another name or path here, or nothing installs it.", "Apply the edit that the report shows, or choose one of the names that it lists.";
    PORT_VERSION = "port.version", Fail, "What a chain needs is there in other versions than it states.", "Loosen the version, or find a repository that has it.";
    PORT_REFUSED = "port.refused", Fail, "The system has what a chain needs, but not so that it works: a branch for other systems only, symbols that are missing, a masked unit, older processors.", "The report names what is missing; change the chain or the system.";
    PORT_DIFFERS = "port.differs", Fail, "What a chain needs is there, but otherwise than on the system it comes from, in a way that can stop it from working.", "Say in the chain what it relied on, such as `systemctl enable`.";
    PORT_CONFLICT = "port.conflict", Fail, "What a chain installs does not install together on this system.", "Read the chain of reasons; leave out one side of it.";
    PORT_TRIAL = "port.trial", Fail, "A chain was installed on the image and something went wrong: the package manager, a scriptlet, a unit, a library.", "The report has what the image printed.";
    PORT_SMOKE = "port.smoke", Fail, "The command that shows whether a chain works failed on the image.", "Compare its output on both systems in the report.";
    PORT_UNKNOWN = "port.unknown", Error, "A need of a chain could not be answered.", "The report says what is not known; name an image, a facts file or more repositories.";
    PORT_NOT_UNDERSTOOD = "port.not-understood", Error, "A line of a chain was not understood, and may need something that nobody looked at.", "Read the line; accept such lines with `--allow-not-understood`.";
    RUN_INTERRUPTED = "run.interrupted", Error, "The run was interrupted before this test ended.", "Run it again. Where `machine/health` of the image says what its machine was last seen to do, look at that first.";
    RUN_NOT_PASSED = "run.not-passed", Error, "The run as a whole is not a pass although no test of it failed.", "The message says why: a crash on a console, an interruption, or an exit code.";
    INTERNAL = "internal.error", Error, "muster itself failed.", "Report it, with events.jsonl of the run.";
    SKIP_WHEN = "skip.when", Skip, "The test's `when` is not true on this image.", "Nothing: the reason says which fact decided it.";
    SKIP_IMAGE = "skip.image", Skip, "The suite's `images: where` is not true for this image.", "Nothing.";
    SKIP_MACHINE = "skip.machine", Skip, "The machine under test cannot do, or must not be put through, what the test needs.", "Run it on an image that muster boots itself; for a machine that may be changed, see `--allow-changes`.";
    SKIP_BASELINE = "skip.baseline", Skip, "The test compares boots with a baseline, and the run has none of this image.", "Measure one with `muster boot-time IMAGE --later --write-baseline FILE`, and give it to the run: `--boot-baseline FILE`.";
    SKIP_KNOWN = "skip.known-issue", Skip, "A known issue says that the test does not run for now.", "Nothing until the entry expires; its tracker says more.";
    NOT_RUN_MACHINE = "not-run.machine", Skip, "The test did not run, because there is no machine for it: the image cannot be used, or its machine did not come up.", "`machine/health` of the same image is the error, with the whole message.";
    NOT_RUN_FAIL_FAST = "not-run.fail-fast", Skip, "The test did not run, because the run stopped at its first failure.", "Fix that one, or run without `--fail-fast`; `--failed last` runs both.";
    NOT_RUN_CHANGED = "not-run.suite-changed", Skip, "The test did not run, and its suite is another one than in the run that this one goes on with: what that run found is no result of it.", "Run it: name its image, and no option that leaves it out. One that the suite does not have any more is left out by a run of its own.";
    NOT_RUN_FILES = "not-run.files-changed", Skip, "The test did not run, and a file that decides on its result (console rules, known issues, boots of before, the description of an image) is another one than in the run that this one goes on with: what that run found is no result of this one.", "Run it: name its image, and no option that leaves it out. Or give this run the file that the other one had.";
    SKIP_NEED = "skip.need", Skip, "A test that this one needs did not pass.", "Fix that one first.";
}

/// The row of an id that is in the table; `None` for ids derived from checks and console rules.
pub fn row(id: &FailureId) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.id == id.as_str())
}

/// The class of an id: from the table, else a failure, since derived ids are verdicts on the image.
pub fn class(id: &FailureId) -> Class {
    row(id).map_or(Class::Fail, |row| row.class)
}

/// Whether a known issue covers a failure only when it names the id: what the kernel, the base checks
/// or the end of the machine say is never what an entry about a test means.
pub fn must_be_named(id: &FailureId) -> bool {
    const GROUPS: &[&str] = &["console.", "base.", "machine.", "ssh."];
    const ENDS: &[FailureId] =
        &[CLAIM_FALSE, BOOT_EMERGENCY, BOOT_TIMEOUT, BOOT_UNSETTLED, REBOOT_TWICE, REBOOT_TIMEOUT, REBOOT_UNSETTLED];
    GROUPS.iter().any(|group| id.as_str().starts_with(group)) || ENDS.contains(id)
}

/// One thing that went wrong in one test, in words a report can show without knowing the room it
/// came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// The stable id.
    pub id: FailureId,
    /// One line: what was checked of what, and how it failed. Free of control characters.
    pub message: String,
    /// What the suite asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actual: Option<String>,
    /// Longer evidence: output, a diff, a console excerpt. May be many lines; bounded by its maker.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// Where in which suite the expectation or step stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
}

impl Failure {
    /// A failure with only an id and a message.
    pub fn new(id: FailureId, message: impl Into<String>) -> Self {
        Self { id, message: message.into(), expected: None, actual: None, detail: None, location: None }
    }

    /// What an error of an earlier crate says, as one escaped line of bounded length.
    pub fn of(id: FailureId, error: &impl std::fmt::Display) -> Self {
        Self::new(id, crate::text::one_line(&error.to_string(), 400))
    }

    /// The same, with longer evidence.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same, placed in a suite file.
    pub fn at(mut self, location: &Location) -> Self {
        self.location = Some(location.clone());
        self
    }
}

/// A place in a suite file: 1-based line and column, file as the person named it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file, relative to where muster was started when it lies below.
    pub file: std::sync::Arc<str>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

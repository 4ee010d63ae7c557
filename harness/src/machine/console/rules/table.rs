//! The table of rules. Message formats are the kernel's (lib/bug.c, kernel/panic.c, mm/oom_kill.c,
//! kernel/rcu/tree_stall.h, kernel/hung_task.c, …), systemd's, dracut's, GRUB's and EDK II's own.
//!
//! To add one: the category's name is public (`console.<category>`), the pattern begins with `^`, the
//! hit is a line as it was seen, and the miss is the line that a careless pattern would also match.

use super::Rule;
use super::Severity::{Fail, Fatal, Info};

macro_rules! rules {
    ($( $category:literal $severity:ident $pattern:literal $(except $except:literal)* hit $hit:literal miss $miss:literal; )*) => {
        /// All rules. Of several that match a line with the same severity, the first counts.
        pub const RULES: &[Rule] = &[ $( Rule {
            category: $category, severity: $severity, pattern: $pattern,
            except: &[ $( $except ),* ], hit: $hit, miss: $miss,
        } ),* ];
    };
}

rules! {
    // The machine is lost.
    "kernel-panic" Fatal r"^(?i:kernel panic) - not syncing|^---\[ end Kernel panic|^PANIC: double fault"
        hit "[    2.345678] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
        miss "[    0.000000] Kernel command line: note=\"Kernel panic - not syncing\"";
    "init-crash" Fatal r"^systemd\[1\]: (?:Caught <\w+>|Freezing execution)|^\[!!!!!!\] "
        hit "[   10.000001] systemd[1]: Freezing execution."
        miss "systemd[1]: Freezing user slice is not supported: x";
    "emergency" Fatal r"^(?:systemd\[1\]: )?You are in (?:emergency|rescue) mode\b|^(?:Entering|:/# Entering) emergency mode\b|^Give root password for maintenance|^Press Enter for (?:maintenance|emergency)|^Cannot open access to console, the root account is locked"
        hit "You are in emergency mode. After logging in, type \"journalctl -xb\" to view"
        miss "Tip: when You are in emergency mode, look at the journal";
    "emergency" Fatal r"^(?:\[ *OK *\] |systemd\[1\]: )Reached target .*(?:emergency\.target|Emergency Mode|rescue\.target|Rescue Mode)"
        hit "[  OK  ] Reached target emergency.target - Emergency Mode."
        miss "[  OK  ] Stopped target emergency.target - Emergency Mode.";
    "emergency" Fatal r"^(?:dracut[\w-]*(?:\[\d+\])?: )?(?:FATAL: |Refusing to continue|Warning: Could not boot\.)"
        hit "[  190.000001] dracut-initqueue[312]: Warning: Could not boot."
        miss "[    9.000001] dracut-initqueue[312]: Warning: fsck not present";
    "emergency" Fatal r"^ALERT! +\S.* does not exist\. +Dropping to a shell|^Gave up waiting for root |^\(initramfs\)|^mount: mounting \S+ on /root failed"
        hit "ALERT!  UUID=1234-abcd does not exist.  Dropping to a shell!"
        miss "Run update-initramfs to rebuild the (initramfs) image";
    "emergency" Fatal r"^(?:VFS: )?Cannot open root device |^Unable to mount root fs"
        hit "[    1.700000] VFS: Cannot open root device \"LABEL=x\" or unknown-block(0,0): error -6"
        miss "[    1.700000] VFS: Mounted root (ext4 filesystem) readonly on device 254:1.";
    "boot-loader" Fatal r"^grub rescue>|^(?:error: .*)?grub> *$|^Shell> *$|^UEFI Interactive Shell v"
        hit "grub rescue> "
        miss "Welcome to GRUB!";
    "boot-loader" Fatal r"^BdsDxe: No bootable option or device was found|^No bootable device\b|^Boot failed: not a bootable disk|^>>Start PXE over IPv[46]"
        hit "BdsDxe: No bootable option or device was found."
        miss "BdsDxe: starting Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)";

    // The kernel is broken, but goes on.
    "kasan" Fail r"^BUG: KASAN\b"
        hit "[   19.121834] BUG: KASAN: use-after-free in __lock_acquire+0x3c41/0x3cf0"
        miss "[    0.000000] kasan: KernelAddressSanitizer initialized (generic)";
    "sanitizer" Fail r"^BUG: (?:KFENCE|KMSAN|KCSAN): |^UBSAN: "
        hit "[   98.869076][ T9916] BUG: KFENCE: memory corruption in krealloc+0x60/0xd0"
        miss "[    0.100000] kfence: initialized - using 2097152 bytes for 255 objects";
    "lockup" Fail r"^(?:watchdog: )?BUG: (?:soft lockup - CPU#|workqueue lockup - pool)|^(?:NMI )?watchdog: (?:Watchdog detected hard LOCKUP|CPU\d+: Watchdog detected hard LOCKUP)"
        hit "[  281.646907] watchdog: BUG: soft lockup - CPU#1 stuck for 134s! [cc1:4588]"
        miss "[    0.084626] NMI watchdog: Perf event create on CPU 0 failed with -2";
    "rcu-stall" Fail r"^(?:rcu: )?INFO: rcu_\w+ (?:self-)?detected (?:expedited )?stalls? on|^rcu: rcu_\w+ kthread starved for"
        hit "login: [  417.725670][    C1] rcu: INFO: rcu_sched self-detected stall on CPU"
        miss "[    0.020000] rcu: RCU calculated value of scheduler-enlistment delay is 25 jiffies.";
    "hung-task" Fail r"^INFO: task \S.{0,60} blocked (?:in I/O wait )?for more than \d+ seconds"
        hit "[ 1528.243421][ T1040] INFO: task syz-executor.1:16255 blocked for more than 143 seconds."
        miss "[    3.000000] INFO: NMI handler (perf_event_nmi_handler) took too long to run: 2.277 msecs";
    "bug" Fail r"^kernel BUG at \S+:\d+!|^BUG: |^BUG \S+ \([^)]*[Tt]ainted.*?\): |^\[ BUG: "
        except r"^BUG \S+ \([^)]*\): kasan: bad access detected"
        hit "[   40.635789] kernel BUG at mm/usercopy.c:84!"
        miss "[   72.159680] BUG UNIX (Not tainted): kasan: bad access detected";
    "oops" Fail r"^(?:Internal error: )?Oops(?:: |\b.*\[#\d+\])|^(?:\S+ )?general protection fault(?:, [^:]*)?: [0-9a-f]{4} \[#\d+\]|^(?:divide error|invalid opcode|stack segment|segment not present|alignment check|int3|double fault|control protection fault): [0-9a-f]{4} \[#\d+\]|^Internal error: \S|^Unable to handle kernel "
        hit "[  218.968196] Oops: 0000 [#1] SMP"
        miss "[   36.852785] traps: prog[3615] general protection fault ip:7feb96eb56a1 sp:20000fd0 error:0 in prog[7feb96e75000+84000]";
    "warning" Fail r"^(?:------------\[ cut here \]------------ *)?WARNING: (?:CPU: \d+ PID: \d+ at |\S+:\d+ at \S.*, CPU#\d+: )"
        hit "[    5.000000] WARNING: fs/ext4/inode.c:3401 at ext4_truncate+0x1b/0x20, CPU#1: systemd/1"
        miss "[    1.230552] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on";
    "warning" Fail r"^WARNING: (?:kernel stack (?:frame pointer|regs) at |stack recursion|can't (?:dereference|access) |refcount|bad unlock balance)|^unchecked MSR access error: "
        hit "[   72.159680] WARNING: kernel stack frame pointer at ffff88003e1f7f40 in migration/1:14 has bad value 0"
        miss "[   49.679506] WARNING: the mand mount option is being deprecated and";
    "lockdep" Fail r"^(?:\[ INFO: |WARNING: )(?:possible (?:circular|recursive) locking|possible irq lock inversion|possible deadlock|inconsistent lock state|suspicious RCU usage|lock held when returning|\S+-safe -> \S+-unsafe lock order|Nested lock was not taken|bad unlock balance|held lock freed)"
        hit "[  127.532093] WARNING: possible circular locking dependency detected"
        miss "[901320.960000] INFO: lockdep is turned off.";
    "memory-leak" Fail r"^kmemleak: \d+ new suspected memory leaks"
        hit "[  700.000000] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"
        miss "[    0.500000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15780)";
    "oom" Fail r"^\S.{0,40} invoked oom-killer: |^(?:Memory cgroup out of memory|Out of memory(?: \([^)]*\))?): Kill(?:ed)? process \d+"
        hit "[   60.000001] dnf invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0"
        miss "[  404.700173] ODEBUG: Out of memory. ODEBUG disabled";

    // Storage.
    "fs-error" Fail r"^EXT4-fs error |^EXT4-fs \(\S+\): (?:Remounting filesystem read-only|This should not happen|failed to convert unwritten)|^JBD2: .*(?:[Ee]rror -\d+|aborting)|^Aborting journal on device|^ext2_\w+: error"
        hit "[   33.000000] EXT4-fs error (device vda2): ext4_lookup:1855: inode #12: comm ls: iget: checksum invalid"
        miss "[  600.041156] EXT4-fs (loop1): INFO: recovery required on readonly filesystem";
    "fs-error" Fail r"^XFS \(\S+\): (?:Internal error|Corruption |Metadata (?:corruption|CRC error)|Filesystem has been shut down|log I/O error|xfs_do_force_shutdown|Unmount and run xfs_repair)|^BTRFS (?:error|critical) |^FAT-fs \(\S+\): (?:error|Filesystem has been set read-only)|^SQUASHFS error: |^erofs.*: (?:corrupted|.* corrupted)"
        hit "[   12.000000] XFS (vda3): Metadata corruption detected at xfs_agf_verify+0x1/0x2 [xfs], xfs_agf block 0x1"
        miss "[  131.879441] XFS (loop4): WARNING: Reset corrupted AGFL on AG 0. 1 blocks leaked.";
    "fs-error" Fail r"^(?:systemd-fsck\[\d+\]: )?\S+: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY"
        hit "systemd-fsck[300]: /dev/vda2: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY."
        miss "systemd-fsck[300]: ROOT: clean, 12345/65536 files, 99999/262144 blocks";
    "disk-error" Fail r"^(?:blk_update_request: )?(?:I/O|critical \w+|protection|timeout) error, dev \S+, sector \d+|^Buffer I/O error on dev(?:ice)? \S+, |^sd \S+: rejecting I/O to offline device|^sd \S+: \[\w+\] .*Medium Error"
        // Empty CD and floppy drives answer every read like this, and loop devices whose file was removed.
        except r"error(?:,| on) dev(?:ice)? (?:sr|fd|loop)\d+,"
        hit "[   19.465177] I/O error, dev vda, sector 8 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0"
        miss "[   19.465177] I/O error, dev sr0, sector 8 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0";
    "verity" Fail r"^device-mapper: verity: .*(?:is corrupted|verification failed|reached maximum errors)|^dm-verity device corrupted"
        hit "[    4.000000] device-mapper: verity: 254:2: data block 812 is corrupted"
        miss "[    4.000000] device-mapper: verity: sha256 using implementation \"sha256-ni\"";
    "mce" Fail r"^(?:mce: )?\[Hardware Error\]: |^mce: CPU \d+: Machine Check|^EDAC \S+: \d+ UE "
        hit "[   50.000000] mce: [Hardware Error]: Machine check events logged"
        miss "[    0.100000] mce: CPU0: Thermal monitoring enabled (TM1)";

    // The boot chain and init.
    "boot-loader" Fail r"^error: (?:\S+\.c:\w+:\d*:? *)?(?:file `.*' not found|invalid magic number|you need to load the kernel first|no such (?:device|partition|disk)|unknown filesystem|bad shim signature|verification requested but nobody cares|can't find command)"
        hit "error: file `/boot/grub/x86_64-efi/normal.mod' not found."
        miss "error: package foo is not installed";
    "boot-loader" Fail r"^BdsDxe: failed to (?:load|start) Boot\d{4} .*: (?:Access Denied|Security Violation)|^ERROR: Verification failed: |^EFI stub: ERROR: |^Bootloader has not verified loaded image"
        hit "BdsDxe: failed to start Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0): Access Denied"
        miss "BdsDxe: failed to load Boot0001 \"UEFI PXEv4\" from PciRoot(0x0)/Pci(0x2,0x0): Not Found";
    "ordering-cycle" Fail r"^systemd\[\d+\]: \S+: (?:Found ordering cycle|Job \S+ deleted to break ordering cycle)|^\[ *SKIP *\] Ordering cycle found, skipping"
        hit "[    3.500000] systemd[1]: sysinit.target: Found ordering cycle on systemd-tmpfiles-setup.service/start"
        miss "[    3.500000] systemd[1]: Starting systemd-tmpfiles-setup.service...";
    "generator-failed" Fail r"^(?:\(sd-[\w-]+\)\[\d+\]|systemd\[\d+\]): /\S+/(?:system-)?generators/\S+ (?:failed with|terminated by)"
        hit "[    2.900000] systemd[190]: /usr/lib/systemd/system-generators/systemd-gpt-auto-generator failed with exit status 1."
        miss "systemd-fstab-generator[190]: Mount point is not a valid path";
    "avc" Fail r"^audit: type=1400 audit\([\d.:]+\): avc: +denied |^type=(?:1400|AVC) .*avc: +denied "
        except r"permissive=1"
        hit "[    7.000000] audit: type=1400 audit(1700000000.1:5): avc:  denied  { read } for  pid=1 comm=\"x\" permissive=0"
        miss "[    7.000000] audit: type=1403 audit(1700000000.1:2): auid=4294967295 ses=4294967295 lsm=selinux res=1";

    // Worth a line in the report.
    "avc" Info r"^(?:audit: )?type=(?:1400|AVC) .*avc: +denied .*permissive=1"
        hit "[    7.000000] audit: type=1400 audit(1700000000.1:5): avc:  denied  { read } for  pid=1 permissive=1"
        miss "[    7.000000] SELinux:  permissive=1 was asked for";
    "segfault" Info r"^(?:traps: )?[^\[\]]{1,40}\[\d+\]:? (?:segfault at [0-9a-f]+ ip |general protection fault ip:|trap \w+ \w* ?ip:)"
        hit "[   36.852785] httpd[3615]: segfault at 10 ip 00007feb96eb56a1 sp 0000000020000fd0 error 4 in httpd[7feb96e75000+84000]"
        miss "[   36.852785] test: printed \"segfault at 10 ip\"";
    "coredump" Info r"^systemd-coredump\[\d+\]: (?:\[[^\]]*\] )?Process \d+ \(.*\) of user \d+ (?:dumped core|terminated abnormally)"
        hit "[   36.900000] systemd-coredump[400]: Process 399 (httpd) of user 48 dumped core."
        miss "[  OK  ] Listening on systemd-coredump.socket - Process Core Dump Socket.";
    "unit-failed" Info r"^\[(?:FAILED|DEPEND| TIME )\] (?:Failed to (?:start|mount|listen|activate|load|insert)|Dependency failed for|Timed out waiting for) "
        hit "[FAILED] Failed to start nginx.service - The nginx HTTP server."
        miss "[  OK  ] Started nginx.service - The nginx HTTP server.";
}

//! A guest of five instructions in 64-bit mode, run through the KVM API: the only honest way to
//! learn whether KVM executes or interprets. The only unsafe code that touches KVM.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kvm_bindings::{kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit};
use rustix::io::Errno;

/// How often the loop turns: two instructions each.
const TURNS: u32 = 1_000_000;

/// In how many parts it does them. Between two the vCPU is left, so that a probe that nobody waits for any more ends within
/// some twenty milliseconds, also where KVM interprets, and not after the second that all turns would take there.
const PARTS: u32 = 50;

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No /dev/kvm.
    Absent,
    /// No permission; the group that owns it, when known.
    Forbidden { group: Option<String> },
    /// Another hypervisor holds the processor's extensions.
    Busy,
    /// A call failed.
    Refused { call: &'static str, error: String },
    /// The guest left in another way than by its own `out`.
    Strange { exit: String },
    /// It was still running after so much processor time.
    Slow { spent: Duration },
    /// It was not scheduled.
    Starved,
}

#[repr(C, align(4096))]
#[derive(Clone)]
struct Page([u8; 4096]);

const CODE: u64 = 0x4000;

/// Memory of the guest: page tables at 0x1000 to 0x3fff that map the first 2 MiB to themselves in
/// one large page (Intel SDM volume 3, 4-level paging), the code at 0x4000.
fn memory() -> Vec<Page> {
    let mut pages = vec![Page([0; 4096]); 5];
    let present_writable = 0b11u64;
    let large_page = 1 << 7;
    let entries = [0x2000 | present_writable, 0x3000 | present_writable, present_writable | large_page];
    for (page, entry) in pages[1..4].iter_mut().zip(entries) {
        page.0[..8].copy_from_slice(&entry.to_le_bytes());
    }
    let turns = (TURNS / PARTS).to_le_bytes();
    let code = [
        0xb9, turns[0], turns[1], turns[2], turns[3], // mov ecx, TURNS / PARTS
        0xff, 0xc9, // dec ecx
        0x75, 0xfc, // jnz to the dec
        0xe6, 0x80, // out 0x80, al
        0xeb, 0xf3, // jmp to the mov
    ];
    pages[4].0[..code.len()].copy_from_slice(&code);
    pages
}

/// Runs the guest until all its turns are done; the time that took. Ends after the part that it is at when it is given up.
pub(super) fn run(given_up: &AtomicBool) -> Result<Duration, Trouble> {
    let refused =
        |call: &'static str| move |error: kvm_ioctls::Error| Trouble::Refused { call, error: error.to_string() };
    let kvm = Kvm::new().map_err(|error| match Errno::from_raw_os_error(error.errno()) {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => Trouble::Absent,
        Errno::ACCESS | Errno::PERM => Trouble::Forbidden { group: owning_group() },
        Errno::BUSY => Trouble::Busy,
        _ => Trouble::Refused { call: "opening /dev/kvm", error: error.to_string() },
    })?;
    if kvm.get_api_version() != 12 {
        return Err(Trouble::Refused { call: "KVM_GET_API_VERSION", error: "not version 12".to_owned() });
    }
    // Declared before the machine, so that it is freed after the machine is gone.
    let pages = memory();
    let vm = kvm.create_vm().map_err(|error| match Errno::from_raw_os_error(error.errno()) {
        Errno::BUSY => Trouble::Busy,
        _ => Trouble::Refused { call: "KVM_CREATE_VM", error: error.to_string() },
    })?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: std::mem::size_of_val(pages.as_slice()) as u64,
        userspace_addr: pages.as_ptr() as u64,
    };
    // SAFETY: the region is exactly the page-aligned, initialised allocation behind `pages`, which is
    // neither moved nor borrowed again before `vm` and its vCPU are dropped at the end of this function.
    #[allow(unsafe_code)]
    unsafe { vm.set_user_memory_region(region) }.map_err(refused("KVM_SET_USER_MEMORY_REGION"))?;
    let mut vcpu = vm.create_vcpu(0).map_err(refused("KVM_CREATE_VCPU"))?;

    let mut special = vcpu.get_sregs().map_err(refused("KVM_GET_SREGS"))?;
    let flat = kvm_segment { base: 0, limit: u32::MAX, present: 1, s: 1, g: 1, ..Default::default() };
    special.cs = kvm_segment { selector: 8, type_: 11, l: 1, ..flat };
    let data = kvm_segment { selector: 16, type_: 3, db: 1, ..flat };
    (special.ds, special.es, special.fs, special.gs, special.ss) = (data, data, data, data, data);
    special.cr3 = 0x1000;
    special.cr4 |= 1 << 5; // PAE
    special.cr0 |= 1 << 31 | 1; // paging, protection
    special.efer |= 1 << 8 | 1 << 10; // long mode enabled and active
    vcpu.set_sregs(&special).map_err(refused("KVM_SET_SREGS"))?;
    let mut registers = vcpu.get_regs().map_err(refused("KVM_GET_REGS"))?;
    registers.rip = CODE;
    registers.rflags = 2;
    vcpu.set_regs(&registers).map_err(refused("KVM_SET_REGS"))?;

    let began = Instant::now();
    for _ in 0..PARTS {
        match vcpu.run().map_err(refused("KVM_RUN"))? {
            VcpuExit::IoOut(0x80, _) => {}
            other => return Err(Trouble::Strange { exit: muster_base::text::one_line(&format!("{other:?}"), 60) }),
        }
        if given_up.load(Ordering::Relaxed) {
            return Err(Trouble::Slow { spent: began.elapsed() });
        }
    }
    Ok(began.elapsed())
}

/// Name of the group that may use /dev/kvm, for the command that fixes a missing permission. `None` when no group may that
/// a person should be in: one of root, or one whose rights on the device are none.
fn owning_group() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let device = std::fs::metadata("/dev/kvm").ok()?;
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    helpful_group(device.gid(), device.mode(), &groups)
}

fn helpful_group(gid: u32, mode: u32, groups: &str) -> Option<String> {
    // Who joins the group of root has far more than KVM; and a group without read and write gains nothing.
    if gid == 0 || mode & 0o060 != 0o060 {
        return None;
    }
    let gid = gid.to_string();
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == gid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{AtomicBool, Trouble, helpful_group, run};

    #[test]
    fn a_probe_that_is_given_up_ends_after_a_part_of_its_work() {
        let whole = run(&AtomicBool::new(false));
        let part = run(&AtomicBool::new(true));
        match (whole, part) {
            // Whether KVM works here or interprets: of fifty parts it does one.
            (Ok(whole), Err(Trouble::Slow { spent })) => assert!(spent < whole, "{spent:?} of {whole:?}"),
            // Without KVM there is nothing to give up.
            (Err(whole), Err(part)) => assert_eq!(whole, part),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_group_that_helps_is_one_to_join() {
        let groups = "root:x:0:\nkvm:x:104:\nvirt:x:36:\n";
        assert_eq!(helpful_group(104, 0o100660, groups).as_deref(), Some("kvm"));
        assert_eq!(helpful_group(36, 0o100666, groups).as_deref(), Some("virt"));
        assert_eq!(helpful_group(0, 0o100660, groups), None, "nobody is to be in the group of root");
        assert_eq!(helpful_group(104, 0o100600, groups), None, "its group may not open it either");
        assert_eq!(helpful_group(7, 0o100660, groups), None, "it has no name");
    }
}

//! What one machine takes of the host.

/// Parts of a processor that are counted.
pub(super) const CENTI: u32 = 100;
/// What QEMU needs in addition to the memory of its guest, in MiB: its code, translated code under
/// emulation, buffers of disks.
const QEMU_OVERHEAD_MIB: u32 = 160;

/// What one machine takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Hundredths of a processor.
    pub centicores: u32,
    /// MiB.
    pub memory_mib: u32,
}

impl Cost {
    /// The cost of a machine with so many processors that may come to use so much memory.
    pub fn of(cpus: u32, memory_mib: u32, emulated: bool) -> Self {
        let share = if emulated { CENTI } else { CENTI / 2 };
        Self { centicores: cpus * share, memory_mib: memory_mib.saturating_add(QEMU_OVERHEAD_MIB) }
    }

    /// What so many of these machines take together.
    pub(super) fn times(self, machines: u32) -> Self {
        let times = |one: u32| one.saturating_mul(machines);
        Self { centicores: times(self.centicores), memory_mib: times(self.memory_mib) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulated_guest_costs_whole_processors() {
        assert_eq!(Cost::of(2, 1024, true), Cost { centicores: 200, memory_mib: 1024 + QEMU_OVERHEAD_MIB });
        assert_eq!(Cost::of(2, 1024, false).centicores, 100);
    }
}

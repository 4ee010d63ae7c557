//! Kernel symbols that changed their names, as the kernel's own history says it: each row has the release
//! and the commit, or the series of them. Only what kept its meaning is here. `MITIGATION_GDS_FORCE`, for
//! one, was removed in 6.12, and `MITIGATION_GDS` asks another question.

use std::cmp::Ordering;

use muster_suite::version;

/// A symbol that got another name.
#[derive(Debug)]
pub struct Rename {
    /// The name since then.
    pub name: &'static str,
    /// The one before.
    pub old: &'static str,
    /// The first release that has the new name.
    pub since: &'static str,
    /// Whether a kernel can have both names, with different meanings: then the release decides which of them
    /// it is. A mere rename needs no release, since kernels of vendors and stable ones have taken many over.
    both: bool,
    /// The commit, or the series.
    pub source: &'static str,
}

const fn renamed(name: &'static str, old: &'static str, since: &'static str, source: &'static str) -> Rename {
    Rename { name, old, since, both: false, source }
}

/// A symbol whose work another one took over, which may be there next to it.
const fn took_over(name: &'static str, old: &'static str, since: &'static str, source: &'static str) -> Rename {
    Rename { name, old, since, both: true, source }
}

const MITIGATIONS: &str = "series x86/bugs: Rename various mitigation config options, 2023-11";
const KSTACK: &str = "57fbad15c2ee stackleak: Rename STACKLEAK to KSTACK_ERASE";
const CFI: &str = "23ef9d439769 kcfi: Rename CONFIG_CFI_CLANG to CONFIG_CFI (transitional)";
const RANDSTRUCT: &str = "595b893e2087 randstruct: Reorganize Kconfigs and attribute macros";
const PTDUMP: &str = "f9aad622006b mm: rename GENERIC_PTDUMP and PTDUMP_CORE";
const RODATA: &str = "0f5bf6d0afe4 arch: Rename CONFIG_DEBUG_RODATA and CONFIG_DEBUG_MODULE_RONX";
const STACKPROTECTOR: &str = "050e9baa9dc9 Kbuild: rename CC_STACKPROTECTOR[_STRONG] config variables";
const XTABLES: &str = "netfilter: the xtables target selects for both address families";
const NAT: &str = "3bf195ae6037 netfilter: nat: merge nf_nat_ipv4,6 into nat core";
const DISPLAY: &str = "drm/display: one prefix for what the helper module has";

/// All of them, the youngest first.
pub const RENAMES: &[Rename] = &[
    // The bus driver got a symbol of its own; before, HYPERV was it, and HYPERV is still there.
    took_over("HYPERV_VMBUS", "HYPERV", "6.18", "hyperv: the bus driver has a symbol of its own"),
    renamed("CFI", "CFI_CLANG", "6.18", CFI),
    renamed("ARCH_SUPPORTS_CFI", "ARCH_SUPPORTS_CFI_CLANG", "6.18", CFI),
    renamed(
        "VIRT_XFER_TO_GUEST_WORK",
        "KVM_XFER_TO_GUEST_WORK",
        "6.18",
        "9be7e1e320ff entry: Rename \"kvm\" entry code assets to \"virt\" to genericize APIs",
    ),
    // The plugin of GCC is since then one of two ways to do it, and has no prompt.
    renamed("KSTACK_ERASE", "GCC_PLUGIN_STACKLEAK", "6.17", KSTACK),
    renamed("KSTACK_ERASE_TRACK_MIN_SIZE", "STACKLEAK_TRACK_MIN_SIZE", "6.17", KSTACK),
    renamed("KSTACK_ERASE_METRICS", "STACKLEAK_METRICS", "6.17", KSTACK),
    renamed("KSTACK_ERASE_RUNTIME_DISABLE", "STACKLEAK_RUNTIME_DISABLE", "6.17", KSTACK),
    renamed("HAVE_ARCH_KSTACK_ERASE", "HAVE_ARCH_STACKLEAK", "6.17", KSTACK),
    renamed("PTDUMP", "PTDUMP_CORE", "6.15", PTDUMP),
    renamed("ARCH_HAS_PTDUMP", "GENERIC_PTDUMP", "6.15", PTDUMP),
    renamed("DRM_DISPLAY_DP_AUX_CHARDEV", "DRM_DP_AUX_CHARDEV", "6.11", DISPLAY),
    renamed("DRM_DISPLAY_DP_AUX_CEC", "DRM_DP_CEC", "6.11", DISPLAY),
    took_over(
        "MEMCG",
        "MEMCG_KMEM",
        "6.11",
        "3a3b7fec3974 mm: remove CONFIG_MEMCG_KMEM, which is always on with MEMCG",
    ),
    renamed("HAVE_GUP_FAST", "HAVE_FAST_GUP", "6.10", "series mm/gup: consistently call it GUP-fast, 2024-04"),
    // Stable kernels have taken these over, with their new names or without.
    renamed(
        "MITIGATION_SPECTRE_BHI",
        "SPECTRE_BHI_ON",
        "6.9",
        "4f511739c54b x86/bugs: Replace CONFIG_SPECTRE_BHI_{ON,OFF} with CONFIG_MITIGATION_SPECTRE_BHI",
    ),
    renamed(
        "CPU_MITIGATIONS",
        "SPECULATION_MITIGATIONS",
        "6.9",
        "fe42754b94a4 cpu: Re-enable CPU mitigations by default for !X86 architectures",
    ),
    renamed("MITIGATION_PAGE_TABLE_ISOLATION", "PAGE_TABLE_ISOLATION", "6.9", MITIGATIONS),
    renamed("MITIGATION_RETPOLINE", "RETPOLINE", "6.9", MITIGATIONS),
    renamed("MITIGATION_RETHUNK", "RETHUNK", "6.9", MITIGATIONS),
    renamed("MITIGATION_SLS", "SLS", "6.9", MITIGATIONS),
    renamed("MITIGATION_SRSO", "CPU_SRSO", "6.9", MITIGATIONS),
    renamed("MITIGATION_UNRET_ENTRY", "CPU_UNRET_ENTRY", "6.9", MITIGATIONS),
    renamed("MITIGATION_IBPB_ENTRY", "CPU_IBPB_ENTRY", "6.9", MITIGATIONS),
    renamed("MITIGATION_IBRS_ENTRY", "CPU_IBRS_ENTRY", "6.9", MITIGATIONS),
    renamed("MITIGATION_CALL_DEPTH_TRACKING", "CALL_DEPTH_TRACKING", "6.9", MITIGATIONS),
    renamed("MITIGATION_GDS_FORCE", "GDS_FORCE_MITIGATION", "6.9", MITIGATIONS),
    // RANDSTRUCT stands for either strength, as the plugin's symbol did.
    renamed("RANDSTRUCT", "GCC_PLUGIN_RANDSTRUCT", "5.19", RANDSTRUCT),
    renamed("RANDSTRUCT_PERFORMANCE", "GCC_PLUGIN_RANDSTRUCT_PERFORMANCE", "5.19", RANDSTRUCT),
    renamed(
        "SYSFB_SIMPLEFB",
        "X86_SYSFB",
        "5.15",
        "d391c5827107 drivers/firmware: move x86 Generic System Framebuffers support",
    ),
    renamed(
        "INIT_STACK_ALL_PATTERN",
        "INIT_STACK_ALL",
        "5.9",
        "f0fe00d4972a security: allow using Clang's zero initialization for stack variables",
    ),
    renamed("PTDUMP_DEBUGFS", "X86_PTDUMP", "5.6", "series Generic page walk and ptdump, 2019-12"),
    renamed("PTDUMP_DEBUGFS", "ARM64_PTDUMP_DEBUGFS", "5.6", "series Generic page walk and ptdump, 2019-12"),
    renamed("X86_UMIP", "X86_INTEL_UMIP", "5.5", "b971880fe79f x86/Kconfig: Rename UMIP config parameter"),
    took_over("NETFILTER_XT_TARGET_MASQUERADE", "IP_NF_TARGET_MASQUERADE", "5.2", XTABLES),
    took_over("NETFILTER_XT_TARGET_MASQUERADE", "IP6_NF_TARGET_MASQUERADE", "5.2", XTABLES),
    took_over("NF_NAT", "NF_NAT_IPV4", "5.1", NAT),
    took_over("NF_NAT", "NF_NAT_IPV6", "5.1", NAT),
    // The strong form was the plain one of before.
    renamed("STACKPROTECTOR", "CC_STACKPROTECTOR", "4.18", STACKPROTECTOR),
    renamed("STACKPROTECTOR_STRONG", "CC_STACKPROTECTOR_STRONG", "4.18", STACKPROTECTOR),
    renamed("STRICT_KERNEL_RWX", "DEBUG_RODATA", "4.11", RODATA),
    renamed("STRICT_MODULE_RWX", "DEBUG_SET_MODULE_RONX", "4.11", RODATA),
    took_over("NETFILTER_XT_TARGET_REDIRECT", "IP_NF_TARGET_REDIRECT", "3.7", XTABLES),
    took_over("NETFILTER_XT_TARGET_REDIRECT", "IP6_NF_TARGET_REDIRECT", "3.7", XTABLES),
];

/// The other names under which a kernel of this release may have the symbol. Without a release nobody can
/// tell what its build would make of a name, so there are none.
pub fn other_names<'a>(name: &'a str, release: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    RENAMES.iter().filter(move |_| !release.is_empty()).filter_map(move |rename| {
        let has_new = || version::order(release, rename.since).is_some_and(Ordering::is_ge);
        match () {
            () if rename.name == name && (!rename.both || !has_new()) => Some(rename.old),
            () if rename.old == name && (!rename.both || has_new()) => Some(rename.name),
            () => None,
        }
    })
}

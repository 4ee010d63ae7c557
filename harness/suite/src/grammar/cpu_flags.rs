//! Feature flags of processors as /proc/cpuinfo prints them: of x86 from arch/x86/include/asm/cpufeatures.h
//! (flags that only older kernels print too), of arm64 from Documentation/arch/arm64/elf_hwcaps.rst, of s390 from
//! arch/s390/kernel/processor.c. New kernels and processors bring new ones.

/// All that are known, without order.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    // x86
    "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr", "pge", "mca", "cmov", "pat",
    "pse36", "pn", "clflush", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe", "syscall",
    "mp", "nx", "mmxext", "fxsr_opt", "pdpe1gb", "rdtscp", "lm", "3dnowext", "3dnow", "recovery", "longrun", "lrti",
    "cxmmx", "k6_mtrr", "cyrix_arr", "centaur_mcr", "k8", "constant_tsc", "up", "art", "arch_perfmon", "pebs", "bts",
    "rep_good", "amd_lbr_v2", "acc_power", "nopl", "xtopology", "tsc_reliable", "nonstop_tsc", "cpuid", "extd_apicid",
    "amd_dcm", "aperfmperf", "rapl", "nonstop_tsc_s3", "tsc_known_freq", "pni", "pclmulqdq", "dtes64", "monitor",
    "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm", "pcid", "dca",
    "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave", "avx", "f16c", "rdrand",
    "hypervisor", "rng", "rng_en", "ace", "ace_en", "ace2", "ace2_en", "phe", "phe_en", "pmm", "pmm_en", "lahf_lm",
    "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs",
    "xop", "skinit", "wdt", "lwp", "fma4", "tce", "nodeid_msr", "tbm", "topoext", "perfctr_core", "perfctr_nb",
    "bpext", "ptsc", "perfctr_llc", "mwaitx", "ring3mwait", "cpuid_fault", "cpb", "epb", "cat_l3", "cat_l2", "cdp_l3",
    "cdp_l2", "tdx_host_platform", "hw_pstate", "proc_feedback", "pti", "intel_ppin", "ssbd", "mba", "perfmon_v2",
    "ibrs", "ibpb", "stibp", "ibrs_enhanced", "tpr_shadow", "flexpriority", "ept", "vpid", "vnmi", "vmmcall",
    "ept_ad", "tdx_guest", "fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", "smep", "bmi2", "erms", "invpcid",
    "rtm", "cqm", "mpx", "rdt_a", "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "clflushopt", "clwb",
    "intel_pt", "avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl", "xsaveopt", "xsavec", "xgetbv1",
    "xsaves", "cqm_llc", "cqm_occup_llc", "cqm_mbm_total", "cqm_mbm_local", "split_lock_detect", "user_shstk",
    "avx_vnni", "avx512_bf16", "cmpccxadd", "arch_perfmon_ext", "fzrm", "fsrs", "fsrc", "fred", "lkgs", "wrmsrns",
    "amx_fp16", "avx_ifma", "lam", "sha512", "sm3", "sm4", "clzero", "irperf", "xsaveerptr", "rdpru", "wbnoinvd",
    "amd_ppin", "virt_ssbd", "cppc", "amd_psfd", "brs", "dtherm", "ida", "arat", "pln", "pts", "hwp", "hwp_notify",
    "hwp_act_window", "hwp_epp", "hwp_pkg_req", "hfi", "npt", "lbrv", "svm_lock", "nrip_save", "tsc_scale",
    "vmcb_clean", "flushbyasid", "decodeassists", "pausefilter", "pfthreshold", "avic", "v_vmsave_vmload", "vgif",
    "x2avic", "v_spec_ctrl", "avx512vbmi", "umip", "pku", "ospke", "waitpkg", "avx512_vbmi2", "shstk", "gfni", "vaes",
    "vpclmulqdq", "avx512_vnni", "avx512_bitalg", "tme", "avx512_vpopcntdq", "la57", "rdpid", "bus_lock_detect",
    "cldemote", "movdiri", "movdir64b", "enqcmd", "sgx_lc", "overflow_recov", "succor", "smca", "avx512_4vnniw",
    "avx512_4fmaps", "fsrm", "avx512_vp2intersect", "md_clear", "serialize", "tsxldtrk", "pconfig", "arch_lbr", "ibt",
    "amx_bf16", "avx512_fp16", "amx_tile", "amx_int8", "flush_l1d", "arch_capabilities", "sme", "sev", "sev_es",
    "sev_snp", "debug_swap", "svsm", "amd_lbr_pmc_freeze", "autoibrs", "eagerfpu", "invpcid_single", "retpoline",
    "kaiser", "smba", "bmec", "sgx1", "sgx2", "zen",
    // arm64
    "fp", "asimd", "evtstrm", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "asimdrdm", "jscvt",
    "fcma", "lrcpc", "dcpop", "sha3", "asimddp", "sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb",
    "paca", "pacg", "dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint",
    "svei8mm", "svef32mm", "svef64mm", "svebf16", "i8mm", "bf16", "dgh", "bti", "mte", "ecv", "afp", "rpres", "mte3",
    "smei16i64", "smef64f64", "smei8i32", "smef16f32", "smeb16f32", "smef32f32", "smefa64", "wfxt", "ebf16",
    "sveebf16", "cssc", "rprfm", "sve2p1", "sme2", "sme2p1", "smei16i32", "smebi32i32", "smeb16b16", "smef16f16",
    "mops", "hbc", "sveb16b16", "lrcpc3", "lse128", "fpmr", "lut", "faminmax", "f8cvt", "f8fma", "f8dp4", "f8dp2",
    "f8e4m3", "f8e5m2", "smelutv2", "smef8f16", "smef8f32", "smesf8fma", "smesf8dp4", "smesf8dp2", "poe", "gcs",
    // s390
    "esan3", "zarch", "stfle", "msa", "ldisp", "eimm", "dfp", "edat", "etf3eh", "highgprs", "te", "vx", "vxd", "vxe",
    "gs", "vxe2", "vxp", "sort", "dflt", "vxp2", "nnpa", "pcimio", "sie",
];

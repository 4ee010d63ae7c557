//! Names of what a processor can do.

use super::cpu_flags;
use super::form::{Grammar, Reading, Refusal, meant};

/// A feature flag of a processor.
pub const CPU_FLAG: Grammar = Grammar {
    what: "a flag of processors",
    form: "as /proc/cpuinfo prints it: lower-case letters, digits and `_`",
    pattern: r"[a-z0-9_.]+",
    reading: Reading::Known(cpu_flag, cpu_flags::NAMES),
    good: &[
        ("aes", "aes"),
        ("sse4_2", "sse4_2"),
        ("avx512_fp16", "avx512_fp16"),
        ("avx10_3", "avx10_3"),
        ("sha3", "sha3"),
    ],
    bad: &[
        ("AES", "aes"),
        ("sse4.2", "sse4_2"),
        ("avx512-fp16", "avx512_fp16"),
        ("rdrnd", "rdrand"),
        ("hypervisr", "hypervisor"),
        ("aes,avx", ""),
        ("sse3", "pni"),
        ("sse4", "sse4_1"),
        ("nx ", "nx"),
    ],
};

/// A level of x86-64.
pub const X86_LEVEL: Grammar = Grammar {
    what: "a level of x86-64",
    form: "`x86-64-v1` to `x86-64-v4`",
    pattern: r"x86-64-v[1-4]",
    reading: Reading::Closed(&["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"]),
    good: &[("x86-64-v2", "x86-64-v2")],
    bad: &[
        ("x86-64", "x86-64-v1"),
        ("x86_64-v2", "x86-64-v2"),
        ("x86_64_v2", "x86-64-v2"),
        ("v3", ""),
        ("x86-64-v5", "x86-64-v1"),
    ],
};

fn cpu_flag(text: &str) -> Result<String, Refusal> {
    let plain = text.to_lowercase().replace(['-', '.'], "_");
    // /proc/cpuinfo has other names for these than everybody else.
    const OTHERS: &[(&str, &str)] = &[
        ("sse3", "pni"),
        ("sse4", "sse4_1"),
        ("pclmul", "pclmulqdq"),
        ("sse41", "sse4_1"),
        ("sse42", "sse4_2"),
        ("vt_x", "vmx"),
        ("amd_v", "svm"),
        ("xd", "nx"),
    ];
    if let Some((_, near)) = OTHERS.iter().find(|(odd, _)| *odd == plain) {
        return meant("the kernel has another name for it", *near);
    }
    if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Ok(text.to_owned());
    }
    let known = cpu_flags::NAMES.iter().find(|name| **name == plain);
    meant("a flag is lower-case letters, digits and `_`", known.copied().unwrap_or_default())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&CPU_FLAG, &X86_LEVEL];

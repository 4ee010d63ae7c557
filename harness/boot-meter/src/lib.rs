//! A plugin of QEMU's emulation (TCG) that counts the instructions which the guest executes.
//!
//! It adds the length of each translated block to a counter of its virtual processor whenever the block runs, which costs one
//! addition in memory. A thread reads the sums every [`PAUSE`] and writes them to a socket that QEMU inherited, as records of
//! [`RECORD`] bytes: three unsigned 64-bit numbers, little-endian:
//!
//! 1. nanoseconds of the host's monotonic clock, just after the counters were read;
//! 2. instructions at addresses in the lower half of the address space: firmware, boot loader, early kernel, programs;
//! 3. instructions at addresses in the upper half: the kernel.
//!
//! The host finds out what was executed until any moment of its own clock, so no mark has to be set in the guest. A block that is
//! left early by an exception counts whole. Only QEMU 9.0 and later can load it: scoreboards came with version 2 of the plugin API.
//!
//! `-plugin FILE,fd=NUMBER`; without a valid `fd` the installation fails, and QEMU ends with our sentence on its standard error.
//!
//! This file is compiled by the build script of `muster-qemu` and carried in the program: it uses the standard library only.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::FromRawFd as _;
use std::sync::OnceLock;
use std::time::Duration;

/// How often the sums are written.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of a record.
const RECORD: usize = 24;
/// Where the kernel's half of the address space begins, on x86-64 and on aarch64.
const UPPER: u64 = 1 << 63;

/// The version of the plugin API that is used: the first with counters of each processor.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 2;

/// `qemu_plugin_u64`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counter {
    score: *mut c_void,
    offset: usize,
}

/// `QEMU_PLUGIN_INLINE_ADD_U64`.
const ADD: c_int = 0;

// Signatures of QEMU's `include/qemu/qemu-plugin.h`, the same from 9.0 to 10.x.
unsafe extern "C" {
    fn qemu_plugin_scoreboard_new(element_size: usize) -> *mut c_void;
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: extern "C" fn(u64, *mut c_void));
    fn qemu_plugin_tb_n_insns(block: *const c_void) -> usize;
    fn qemu_plugin_tb_vaddr(block: *const c_void) -> u64;
    fn qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block: *mut c_void, op: c_int, entry: Counter, imm: u64);
    fn qemu_plugin_u64_sum(entry: Counter) -> u64;
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// `CLOCK_MONOTONIC` of Linux.
const MONOTONIC: c_int = 1;

struct Counters {
    lower: Counter,
    upper: Counter,
}

// SAFETY: the pointers are those of QEMU's scoreboards, which live as long as the process; QEMU adds to them from the threads of the
// processors, and reading a sum from another thread is what `qemu_plugin_u64_sum` is for.
unsafe impl Send for Counters {}
// SAFETY: as above; nothing here writes through them.
unsafe impl Sync for Counters {}

static COUNTERS: OnceLock<Counters> = OnceLock::new();

/// What QEMU calls when it has loaded the plugin; 0 is success.
///
/// # Safety
/// QEMU gives `argc` strings in `argv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: each is a C string that lives during this call.
    let arguments = (0..count).map(|index| unsafe { CStr::from_ptr(*argv.add(index)) });
    let Some(fd) = arguments.filter_map(|argument| argument.to_str().ok()?.strip_prefix("fd=")?.parse().ok()).next()
    else {
        eprintln!("boot-meter: the argument fd=NUMBER is missing");
        return 1;
    };
    // SAFETY: called once, in the phase in which QEMU allows it.
    let counter = || Counter { score: unsafe { qemu_plugin_scoreboard_new(8) }, offset: 0 };
    let counters = COUNTERS.get_or_init(|| Counters { lower: counter(), upper: counter() });
    // SAFETY: the descriptor was inherited for this and nobody else here uses it.
    let socket = unsafe { File::from_raw_fd(fd) };
    let thread = std::thread::Builder::new().name("boot-meter".to_owned());
    if let Err(error) = thread.spawn(move || write_sums(socket, counters)) {
        eprintln!("boot-meter: no thread: {error}");
        return 1;
    }
    // SAFETY: the callback is a function of this library, which QEMU never unloads.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

extern "C" fn translated(_id: u64, block: *mut c_void) {
    let Some(counters) = COUNTERS.get() else { return };
    // SAFETY: QEMU calls this with a block that is being translated.
    unsafe {
        let entry = if qemu_plugin_tb_vaddr(block) >= UPPER { counters.upper } else { counters.lower };
        let length = qemu_plugin_tb_n_insns(block) as u64;
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, ADD, entry, length);
    }
}

/// Writes until nobody reads any more.
fn write_sums(mut socket: File, counters: &Counters) {
    loop {
        // SAFETY: the counters are QEMU's own.
        let (lower, upper) = unsafe { (qemu_plugin_u64_sum(counters.lower), qemu_plugin_u64_sum(counters.upper)) };
        let mut record = [0; RECORD];
        for (bytes, number) in record.chunks_exact_mut(8).zip([now(), lower, upper]) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        if socket.write_all(&record).is_err() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn now() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the clock exists on every Linux and the pointer is valid.
    unsafe { clock_gettime(MONOTONIC, &raw mut time) };
    u64::try_from(time.seconds * 1_000_000_000 + time.nanoseconds).unwrap_or(0)
}

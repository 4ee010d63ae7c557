//! What happens between fork and exec of a QEMU: the only unsafe code of [`super::process`].

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Arranges that the child dies with the thread that starts it, leads a process group of its own (a
/// Ctrl-C for the runner must not reach it first), and inherits exactly these descriptors under their
/// present numbers. Everything else this process has open is close-on-exec.
pub(super) fn prepare(command: &mut Command, inherit: Vec<OwnedFd>, parent: Pid) {
    command.process_group(0);
    let setup = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then nobody would send the signal.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        for fd in &inherit {
            fcntl_setfd(fd.as_fd(), FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: after fork the closure makes only system calls (prctl, getppid, fcntl) on values that
    // existed before it; it neither allocates nor takes a lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(setup);
    }
}

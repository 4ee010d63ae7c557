//! How a machine dies, and how that is known in time.

use std::time::Duration;

use crate::Machine;
use crate::running::MachineState;
use muster_base::failure::{self, Failure, FailureId};
use muster_record::finding::Finding;

/// Console lines shown when a boot fails or a machine dies.
const EXCERPT: usize = 40;

/// How long a lost connection waits for the news that the machine behind it has died, unscaled.
pub(super) const NEWS: Duration = Duration::from_secs(1);

/// Resolves when the machine has died, or its console shows that it will. Resets are a death once
/// the guest has been logged in to (`booting` is false): nothing asked for them.
pub(super) async fn death_of(machine: &Machine, resets_before: u32, scale: f64, booting: bool) -> Failure {
    let mut fatal = machine.console().fatal();
    let mut state = machine.state();
    loop {
        // Taken out first: the channel's lock must not be held while anything is waited for.
        let finding = fatal.borrow_and_update().clone();
        if let Some(finding) = finding {
            return fatal_failure(machine, &finding).await;
        }
        let now = state.borrow_and_update().clone();
        match now {
            MachineState::Running { resets } if booting || resets <= resets_before => {}
            MachineState::Running { .. } => {
                let text = "the guest rebooted by itself while it was in use";
                return Failure::new(failure::MACHINE_REBOOTED, text).with_detail(console_tail(machine));
            }
            MachineState::Panicked => {
                // The console says which panic it was, a moment later.
                let news = tokio::time::timeout(NEWS.mul_f64(scale), fatal.wait_for(Option::is_some)).await;
                let finding = news.ok().and_then(Result::ok).and_then(|finding| finding.clone());
                if let Some(finding) = finding {
                    return fatal_failure(machine, &finding).await;
                }
                let text = "the kernel reported a panic; its console does not show one";
                return Failure::new(FailureId::of_console("kernel-panic"), text).with_detail(console_tail(machine));
            }
            MachineState::DiskFull => {
                let text = "this host has no space left for what the guest writes to its disk; QEMU stopped it";
                return Failure::new(failure::HOST_DISK_FULL, text).with_detail(console_tail(machine));
            }
            MachineState::PoweredOff => {
                let text = "the guest powered itself off while it was in use";
                return Failure::new(failure::MACHINE_POWERED_OFF, text).with_detail(console_tail(machine));
            }
            MachineState::Exited { status, message } => {
                let said = if message.is_empty() { String::new() } else { format!(": {message}") };
                let text = format!("QEMU ended ({status}){said}");
                return Failure::new(failure::MACHINE_EXITED, text).with_detail(console_tail(machine));
            }
        }
        tokio::select! {
            changed = fatal.changed() => if changed.is_err() { std::future::pending::<()>().await },
            changed = state.changed() => if changed.is_err() { std::future::pending::<()>().await },
        }
    }
}

/// What to do when firmware or boot loader found nothing to start.
const TRY: &str = "The disk did not boot this way: try `--firmware bios` (or `uefi`), and `--bus nvme`, `sata` or `virtio-scsi`, as \
    the image expects.";

/// A fatal finding as a failure, once the guest has printed what comes with it.
pub(super) async fn fatal_failure(machine: &Machine, finding: &Finding) -> Failure {
    let console = machine.console();
    console.quiet(Duration::from_millis(500), Duration::from_secs(5)).await;
    let id = match &*finding.category {
        "emergency" => failure::BOOT_EMERGENCY,
        other => FailureId::of_console(other),
    };
    let text = format!("console of {}, line {}: {}", machine.id(), finding.line_number, finding.line);
    // What led to it may be far above the last lines by now.
    let known = console.findings();
    let same = |known: &&Finding| known.line_number == finding.line_number && known.rule == finding.rule;
    let around = known.iter().find(same).map(|known| known.excerpt.join("\n")).unwrap_or_default();
    let tail = console_tail(machine);
    let detail = match tail.contains(&finding.line) || around.is_empty() {
        true => tail,
        false => format!("The console around line {}:\n{around}\n\n{tail}", finding.line_number),
    };
    // Before all else: which disk starts with which firmware is what most often is the matter.
    let detail = match &*finding.category {
        "boot-loader" => format!("{TRY}\n{detail}"),
        _ => detail,
    };
    Failure::new(id, text).with_detail(detail)
}

pub(super) fn console_tail(machine: &Machine) -> String {
    let lines = machine.console().excerpt(EXCERPT);
    if lines.is_empty() {
        return "The console printed nothing.".to_owned();
    }
    format!("The console's last lines:\n{}", lines.join("\n"))
}

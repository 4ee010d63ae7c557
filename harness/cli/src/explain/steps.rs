//! What a step does in the guest.

use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::{Action, RebootKind, ServiceState, Step};
use muster_suite::value::show_duration;

/// The scripts of a step, in order. Where the engine makes its script only while it runs, and for what
/// is not done by a script, there is a comment in words instead: every line can be given to a shell.
pub(super) fn describe_step(step: &Step, facts: &Facts) -> Vec<String> {
    let manager = || match &facts.package_manager {
        Some(manager) => manager.clone(),
        None => "the guest's package manager (which one is known when it has booted)".to_owned(),
    };
    let words = match &step.action {
        Action::Run { command, .. } => return vec![command.clone()],
        Action::Install { packages, .. } => {
            format!("installs {} with {}, then checks with rpm that they are there", packages.join(" "), manager())
        }
        Action::Remove { packages, .. } => format!("removes {} with {}", packages.join(" "), manager()),
        Action::Update { packages, .. } if packages.is_empty() => format!("updates every package with {}", manager()),
        Action::Update { packages, .. } => format!("updates {} with {}", packages.join(" "), manager()),
        Action::Service { unit, state, enabled } => service(unit, *state, *enabled),
        Action::Write { path, content, mode } => {
            let mode = mode.map_or(String::new(), |mode| format!(", mode {mode:04o}"));
            format!("writes {} bytes to {path}{mode}: {}", content.len(), one_line(content, 120))
        }
        Action::Reboot(RebootKind::Soft) => "tells the guest to reboot, and proves that it did so once".to_owned(),
        Action::Reboot(RebootKind::Hard) => {
            "presses the reset button of the machine; nothing is run in the guest for it".to_owned()
        }
        Action::Reboot(RebootKind::Crash) => "makes the kernel crash, which has to come back by itself".to_owned(),
        Action::Upload { source, path, mode } => {
            format!("copies {source} of this host to {path}, mode {:04o}", mode.unwrap_or(0o644))
        }
        Action::Wait(duration) => format!("waits {}; nothing is run in the guest", show_duration(*duration)),
        Action::BootSamples { samples, discard } => {
            format!("boots the machine {samples} times, of which the first {discard} do not count")
        }
        Action::Collect { paths } => {
            format!("copies {} into the directory of the run", paths.join(" "))
        }
    };
    vec![format!("# {}", one_line(&words, 400))]
}

fn service(unit: &str, state: Option<ServiceState>, enabled: Option<bool>) -> String {
    let (doing, proof) = match state {
        Some(ServiceState::Started) => ("starts", ", then checks that it is active"),
        Some(ServiceState::Stopped) => ("stops", ", then checks that it is inactive"),
        Some(ServiceState::Restarted) => ("restarts", ", then checks that it is active"),
        Some(ServiceState::Reloaded) => ("reloads", ", then checks that it is active"),
        None => ("", ""),
    };
    let enabling = enabled.map(|enabled| if enabled { "enables" } else { "disables" });
    let verbs: Vec<&str> = enabling.into_iter().chain(Some(doing).filter(|doing| !doing.is_empty())).collect();
    format!("{} {unit} with systemctl{proof}", verbs.join(" and "))
}

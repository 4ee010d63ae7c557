//! What the page shows of images and their machines, and where the time of the run went.

use std::collections::HashMap;

use serde::Serialize;

use super::limits::{COMMAND, LISTED, NAME, SENTENCE};
use crate::written::html::seconds::finite;
use muster_base::text::one_line;
use muster_record::run::{ImageRecord, MachineRecord, RunRecord, TestRecord};

#[derive(Debug, Serialize)]
pub(super) struct Image {
    id: String,
    /// The command line that enters a new machine of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enter: Option<String>,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    id: String,
    image: String,
    of: Option<String>,
    channel: Option<String>,
    ready: Option<f64>,
    worked: Option<f64>,
    mib: Option<u64>,
    end: Option<String>,
    tests: usize,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Time {
    boots: Part,
    clones: Part,
    guests: f64,
    /// Of muster itself; `None` when machines ran side by side or a time is not known.
    rest: Option<f64>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Part {
    count: usize,
    seconds: f64,
}

pub(super) fn image(id: &str, image: &ImageRecord) -> Image {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name: &'static str, value: &str| {
        if !value.is_empty() {
            facts.push((name, one_line(value, SENTENCE)));
        }
    };
    if let Some(known) = &image.facts {
        let release = |key: &str| known.os_release.get(key).map_or("", String::as_str);
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        let list = |values: &std::collections::BTreeSet<String>| {
            values.iter().take(100).cloned().collect::<Vec<_>>().join(" ")
        };
        add("system", release("PRETTY_NAME"));
        add("distribution", format!("{} {}", release("ID"), release("VERSION_ID")).trim());
        add("kernel", &known.kernel);
        add("architecture", &known.arch);
        add("firmware", &known.firmware);
        add("mode", &known.mode);
        add("systemd", &number(known.systemd));
        add("package manager", known.package_manager.as_deref().unwrap_or_default());
        add("rpm", known.rpm.as_deref().unwrap_or_default());
        add("dpkg", known.dpkg.as_deref().unwrap_or_default());
        add("SELinux", known.selinux.as_deref().unwrap_or("the kernel has none"));
        add("capabilities", &list(&known.capabilities));
    } else {
        add("system", "it never answered, so nothing is known of it");
    }
    add("file", &image.path);
    add("format", &image.format);
    add("SHA-256", &image.sha256);
    for product in &image.products {
        add("product", &format!("{}, from {}, SHA-256 {}", product.package, product.file, product.sha256));
    }
    for kernel in &image.kernels {
        add("kernel of a matrix", &format!("{}, which runs as {}", kernel.package, kernel.release));
        for file in &kernel.files {
            add("file of that kernel", &format!("{}, from {}, SHA-256 {}", file.package, file.file, file.sha256));
        }
    }
    Image { id: one_line(id, NAME), enter: image.enter.as_ref().map(|line| one_line(line, COMMAND)), facts }
}

/// Machines that were booted or never answered first: of clones there may be thousands.
pub(super) fn listed(record: &RunRecord) -> Vec<Machine> {
    let mut tests: HashMap<&str, usize> = HashMap::new();
    for machine in record.tests.iter().filter(|test| test.outcome.has_run()).flat_map(TestRecord::machine_ids) {
        *tests.entry(machine).or_default() += 1;
    }
    let mut machines: Vec<&MachineRecord> = record.machines.iter().collect();
    machines.sort_by_key(|machine| machine.cloned_from.is_some() && machine.boot_seconds.is_some());
    let shown = machines.into_iter().take(LISTED).map(|machine| Machine {
        id: one_line(&machine.id, NAME),
        image: one_line(&machine.image, NAME),
        of: machine.cloned_from.as_ref().map(|of| one_line(of, NAME)),
        channel: machine.channel.as_ref().map(|channel| one_line(channel, NAME)),
        ready: machine.boot_seconds.map(finite),
        worked: machine.guest_seconds.map(finite),
        mib: machine.private_mib,
        end: machine.end.as_ref().map(|end| one_line(end, NAME)),
        tests: tests.get(machine.id.as_str()).copied().unwrap_or(0),
    });
    shown.collect()
}

/// Where the time of the run went, in seconds of machines.
pub(super) fn time(machines: &[MachineRecord], wall: Option<f64>) -> Time {
    let part = |cloned: bool| {
        let ready = machines.iter().filter(|machine| machine.cloned_from.is_some() == cloned);
        let ready: Vec<f64> = ready.filter_map(|machine| machine.boot_seconds).collect();
        Part { count: ready.len(), seconds: finite(ready.iter().sum()) }
    };
    let (boots, clones) = (part(false), part(true));
    let worked: f64 = machines.iter().filter_map(|machine| machine.guest_seconds).sum();
    let all_known = machines.iter().all(|machine| machine.guest_seconds.is_some());
    let rest = wall.map(|wall| wall - worked).filter(|rest| all_known && *rest >= 0.0);
    Time { guests: finite((worked - boots.seconds - clones.seconds).max(0.0)), boots, clones, rest: rest.map(finite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_not_known_is_not_guessed() {
        let machine = |of: Option<&str>, ready: f64, worked: Option<f64>| MachineRecord {
            cloned_from: of.map(str::to_owned),
            boot_seconds: Some(ready),
            guest_seconds: worked,
            ..MachineRecord::default()
        };
        let mut machines = vec![machine(None, 30.0, Some(40.0)), machine(Some("m1"), 0.5, Some(10.0))];
        let expected = Time {
            boots: Part { count: 1, seconds: 30.0 },
            clones: Part { count: 1, seconds: 0.5 },
            guests: 19.5,
            rest: Some(3.0),
        };
        assert_eq!(time(&machines, Some(53.0)), expected);
        assert_eq!(time(&machines, Some(45.0)).rest, None, "side by side");
        assert_eq!(time(&machines, None).rest, None, "it did not end");
        machines[1].guest_seconds = None;
        assert_eq!(time(&machines, Some(53.0)).rest, None);
    }
}

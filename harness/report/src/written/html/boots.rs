//! The boots of a run and of the one before it: data for the chart, and a table where no script runs.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::seconds::finite;
use crate::words;
use muster_base::text::{markup, one_line};
use muster_record::run::{MachineRecord, RunRecord};

/// Characters of a name at most.
const NAME: usize = 200;
/// Boots of one image and run that are shown at most.
const LISTED: usize = 60;
/// Parts of a boot at most; it has five.
const PARTS: usize = 8;
/// The parts that have a column of their own.
const COLUMNS: [&str; 5] = ["firmware", "loader", "kernel", "initrd", "userspace"];

/// What the page shows of boots.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Boots {
    images: Vec<OfImage>,
    /// The run before, where its boots are shown.
    earlier: Option<String>,
    /// Why they are not.
    note: Option<String>,
    left_out: usize,
}

#[derive(Debug, PartialEq, Serialize)]
struct OfImage {
    image: String,
    /// Of this run, in the order in which they began, then of the run before.
    boots: Vec<Boot>,
}

/// One boot, in seconds from QEMU's start.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Boot {
    machine: String,
    earlier: bool,
    parts: Vec<Part>,
    /// The guest answered; `None` when it never did.
    ready: Option<f64>,
    /// A machine that never answered was given up; where that is known.
    given_up: Option<f64>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Part {
    name: String,
    start: f64,
    seconds: f64,
}

impl Boots {
    pub(super) fn of(record: &RunRecord, before: Option<&RunRecord>) -> Self {
        let mut left_out = 0;
        // Times of emulation and of hardware say nothing about each other.
        let compared = before.filter(|before| before.accelerator.kind == record.accelerator.kind);
        let mut images = Vec::new();
        for image in record.images.keys() {
            let boots = of_image(record, image, false, &mut left_out);
            let earlier = compared.map(|before| of_image(before, image, true, &mut left_out));
            if !boots.is_empty() || earlier.as_ref().is_some_and(|boots| !boots.is_empty()) {
                let boots = boots.into_iter().chain(earlier.into_iter().flatten()).collect();
                images.push(OfImage { image: one_line(image, NAME), boots });
            }
        }
        let id = |before: &RunRecord| one_line(&before.id, NAME);
        let shown = images.iter().any(|image: &OfImage| image.boots.iter().any(|boot| boot.earlier));
        let note = before
            .filter(|_| compared.is_none())
            .map(|before| format!("The boots of run {} are not shown: that run had another accelerator.", id(before)));
        Self { images, earlier: compared.filter(|_| shown).map(id), note, left_out }
    }

    /// The table, for readers without script; empty where nothing was booted.
    pub(super) fn table(&self) -> String {
        if self.images.is_empty() {
            return String::new();
        }
        let mut rows = String::new();
        for of in &self.images {
            for boot in &of.boots {
                let run = if boot.earlier { self.earlier.as_deref().unwrap_or_default() } else { "this run" };
                let _ = write!(
                    rows,
                    "<tr><td>{}</td><td>{}</td><td>{}</td>",
                    markup(&of.image),
                    markup(&boot.machine),
                    markup(run)
                );
                for column in COLUMNS {
                    let part = boot.parts.iter().find(|part| part.name == column);
                    let took = part.map_or("not seen".to_owned(), |part| words::seconds(part.seconds));
                    let _ = write!(rows, "<td>{took}</td>");
                }
                let _ = writeln!(rows, "<td>{}</td></tr>", boot.answered());
            }
        }
        let heads: String = COLUMNS.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
        let mut out = format!(
            "<h2 id=\"h-boots\">What boots took</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"h-boots\">\n<table>\n<thead><tr><th scope=\"col\">image</th><th scope=\"col\">machine</th>\
             <th scope=\"col\">run</th>{heads}<th scope=\"col\">the guest answered</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        );
        if let Some(note) = &self.note {
            let _ = writeln!(out, "<p>{}</p>", markup(note));
        }
        if self.left_out > 0 {
            let _ = writeln!(out, "<p>And {} more, which run.json has.</p>", self.left_out);
        }
        out
    }
}

impl Boot {
    fn answered(&self) -> String {
        match (self.ready, self.given_up) {
            (Some(ready), _) => format!("after {}", words::seconds(ready)),
            (None, Some(ended)) => format!("never; ended after {}", words::seconds(ended)),
            (None, None) => "never".to_owned(),
        }
    }
}

/// Boots of an image: neither clones, which begin where another machine stopped, nor machines that somebody else started.
fn of_image(record: &RunRecord, image: &str, earlier: bool, left_out: &mut usize) -> Vec<Boot> {
    let started_here = !record.accelerator.kind.is_empty();
    let booted = |machine: &&MachineRecord| {
        let begun = machine.boot_seconds.is_some() || machine.boot.is_some() || machine.started.is_some();
        started_here && machine.image == image && machine.cloned_from.is_none() && begun
    };
    let all = record.machines.iter().filter(booted).count();
    *left_out += all.saturating_sub(LISTED);
    record.machines.iter().filter(booted).take(LISTED).map(|machine| boot(machine, earlier)).collect()
}

fn boot(machine: &MachineRecord, earlier: bool) -> Boot {
    let parts = machine.boot.iter().flat_map(|boot| boot.parts.iter().take(PARTS));
    let parts = parts.map(|part| Part {
        name: one_line(&part.name, 40),
        start: finite(part.start),
        seconds: finite(part.seconds),
    });
    let ready = machine.boot_seconds.map(finite);
    let time = |at: &Option<String>| at.as_deref()?.parse::<Timestamp>().ok();
    let lived = time(&machine.started).zip(time(&machine.ended));
    let given_up =
        lived.filter(|_| ready.is_none()).map(|(started, ended)| ended.duration_since(started).as_secs_f64());
    Boot {
        machine: one_line(&machine.id, NAME),
        earlier,
        parts: parts.collect(),
        ready,
        given_up: given_up.map(|seconds| finite(seconds.max(0.0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn run() -> RunRecord {
        Recorder::fold(&sample::events())
    }

    fn machines(boots: &Boots) -> Vec<(&str, &str, bool)> {
        let rows = boots.images.iter().flat_map(|of| of.boots.iter().map(move |boot| (of, boot)));
        rows.map(|(of, boot)| (of.image.as_str(), boot.machine.as_str(), boot.earlier)).collect()
    }

    #[test]
    fn boots_are_shown_and_clones_are_not() {
        let boots = Boots::of(&run(), None);
        assert_eq!(machines(&boots), [("lab", "m1", false), ("lab-immutable", "m2", false)]);
        let [lab, immutable] = boots.images.as_slice() else { panic!("two images") };
        let parts: Vec<_> =
            lab.boots[0].parts.iter().map(|part| (part.name.as_str(), part.start, part.seconds)).collect();
        let expected = [
            ("firmware", 0.0, 2.0),
            ("loader", 2.0, 3.5),
            ("kernel", 5.5, 6.0),
            ("initrd", 11.5, 7.5),
            ("userspace", 19.0, 11.5),
        ];
        assert_eq!(parts, expected);
        assert_eq!(lab.boots[0].answered(), "after 31.5 s");
        assert_eq!(immutable.boots[0].parts.len(), 2, "how far it came");
        assert_eq!(immutable.boots[0].answered(), "never; ended after 1 min 59 s");
        let table = boots.table();
        assert!(table.contains("<td>lab</td><td>m1</td><td>this run</td><td>2.0 s</td><td>3.5 s</td>"), "{table}");
        assert!(table.contains("<td>not seen</td><td>never; ended after 1 min 59 s</td>"), "{table}");
    }

    #[test]
    fn an_earlier_run_is_shown_where_its_times_can_be_compared() {
        let (now, mut before) = (run(), run());
        before.id = "earlier".into();
        let boots = Boots::of(&now, Some(&before));
        assert_eq!(machines(&boots)[..2], [("lab", "m1", false), ("lab", "m1", true)]);
        assert_eq!((boots.earlier.as_deref(), boots.note.as_deref()), (Some("earlier"), None));
        before.accelerator.kind = "kvm".into();
        let boots = Boots::of(&now, Some(&before));
        assert_eq!((machines(&boots).len(), boots.earlier.as_deref()), (2, None));
        assert_eq!(
            boots.note.as_deref(),
            Some("The boots of run earlier are not shown: that run had another accelerator.")
        );
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let mut record = run();
        record.accelerator.kind.clear();
        assert_eq!(Boots::of(&record, None).table(), "", "the machine was up before the run");
        let mut record = run();
        record.machines.iter_mut().for_each(|machine| machine.boot = None);
        let boots = Boots::of(&record, None);
        assert!(boots.images[0].boots[0].parts.is_empty(), "a record of an earlier version");
        assert_eq!(boots.images[0].boots[0].ready, Some(31.5));
        let mut many = run();
        let machine = many.machines[0].clone();
        many.machines = vec![machine; 70];
        let boots = Boots::of(&many, None);
        assert_eq!((boots.images[0].boots.len(), boots.left_out), (60, 10));
    }
}

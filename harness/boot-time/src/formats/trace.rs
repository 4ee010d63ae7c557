//! Trace events of Chrome as JSON: the waterfall of each boot, for Perfetto, `chrome://tracing` and speedscope.
//!
//! Every boot is a process. Its threads are lanes: phases, moments, the critical chain, and as many lanes of units as overlap. Within a
//! lane nothing overlaps. Boots that do not count are shown too, and say why.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use serde_json::{Value, json};

use crate::formats::fault::FormatError;
use crate::formats::names::{label, visible_json};
use crate::sample::{Cost, Measured, Sample};

/// Where lanes stand within a boot; those of units come last, as many as there are.
const PHASES: usize = 1;
const MARKS: usize = 100_000;
const CHAIN: usize = 200_000;
const UNITS: usize = 300_000;

/// Events, and the number of the last lane. Each has a number of its own in the whole document, as threads of a system have.
#[derive(Default)]
struct Document {
    events: Vec<Value>,
    lanes: u64,
}

/// One bar.
struct Bar {
    name: String,
    start: u64,
    cost: Cost,
}

/// One document: `{"traceEvents": […]}`.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    if measured.samples.is_empty() {
        return Err(FormatError::Nothing);
    }
    let mut written = Document::default();
    for sample in &measured.samples {
        boot(sample, &mut written);
    }
    let document = json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "schema": measured.schema,
            "at": label(&measured.at),
            "image": label(&measured.series.image),
            "image-sha256": label(&measured.image_sha256),
            "accelerator": label(&measured.series.accelerator),
            "machine": label(&measured.series.machine),
            "qemu": label(&measured.series.qemu),
            "host": label(&measured.series.host),
        },
        "traceEvents": written.events,
    });
    Ok(visible_json(&document.to_string()) + "\n")
}

fn boot(sample: &Sample, out: &mut Document) {
    let pid = sample.number;
    let mut name = format!("boot {pid}");
    match &sample.inconclusive {
        Some(why) => name.push_str(&format!(" (does not count: {})", label(why))),
        None if sample.total.is_none() => name.push_str(" (does not count: its end was not seen)"),
        None => {}
    }
    out.events.push(json!({"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": name}}));
    out.events
        .push(json!({"name": "process_sort_index", "ph": "M", "pid": pid, "tid": 0, "args": {"sort_index": pid}}));

    let phases =
        sample.phases.iter().map(|phase| Bar { name: phase.name.name().into(), start: phase.start, cost: phase.cost });
    lanes(pid, PHASES, "phases", "phase", phases.collect(), out);

    let moments = (!sample.marks.is_empty()).then(|| lane(pid, MARKS, "moments", out));
    for mark in &sample.marks {
        let args = counted(mark.instructions);
        // `s: p`: a line through the whole process.
        out.events.push(json!({
            "name": label(&mark.name), "cat": "mark", "ph": "i", "s": "p", "pid": pid, "tid": moments, "ts": mark.at, "args": args
        }));
    }

    let chain = sample.chain.iter().map(|link| Bar {
        name: label(&link.unit),
        start: link.active.saturating_sub(link.own.micros),
        cost: link.own,
    });
    lanes(pid, CHAIN, "critical chain", "critical-chain", chain.collect(), out);

    let on_chain: BTreeSet<&str> = sample.chain.iter().map(|link| link.unit.as_str()).collect();
    let mut units: Vec<(&'static str, Bar)> = Vec::new();
    for unit in &sample.units {
        let cat = if on_chain.contains(unit.name.as_str()) { "unit,critical-chain" } else { "unit" };
        units.push((cat, Bar { name: label(&unit.name), start: unit.start, cost: unit.cost }));
    }
    units.sort_by_key(|(_, bar)| (bar.start, bar.cost.micros));
    laid_out(pid, UNITS, "units", units, out);
}

fn lanes(pid: u32, first: usize, what: &str, cat: &'static str, mut bars: Vec<Bar>, out: &mut Document) {
    bars.sort_by_key(|bar| (bar.start, bar.cost.micros));
    laid_out(pid, first, what, bars.into_iter().map(|bar| (cat, bar)).collect(), out);
}

/// Writes bars, which are sorted by their start, each in the first lane that is free then.
fn laid_out(pid: u32, first: usize, what: &str, bars: Vec<(&'static str, Bar)>, out: &mut Document) {
    let (mut busy, mut free, mut tids) = (BinaryHeap::new(), BTreeSet::new(), Vec::new());
    for (cat, bar) in bars {
        while let Some(Reverse((end, place))) = busy.peek().copied() {
            if end > bar.start {
                break;
            }
            busy.pop();
            free.insert(place);
        }
        let place = free.pop_first().unwrap_or_else(|| {
            let place = tids.len();
            let name = if place == 0 { what.to_owned() } else { format!("{what}, lane {}", place + 1) };
            tids.push(lane(pid, first + place, &name, out));
            place
        });
        busy.push(Reverse((bar.start.saturating_add(bar.cost.micros), place)));
        out.events.push(json!({
            "name": bar.name, "cat": cat, "ph": "X", "pid": pid, "tid": tids[place],
            "ts": bar.start, "dur": bar.cost.micros, "args": counted(bar.cost.instructions),
        }));
    }
}

/// A lane with a name and a place; its number.
fn lane(pid: u32, place: usize, name: &str, out: &mut Document) -> u64 {
    out.lanes += 1;
    let tid = out.lanes;
    out.events.push(json!({"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}));
    out.events
        .push(json!({"name": "thread_sort_index", "ph": "M", "pid": pid, "tid": tid, "args": {"sort_index": place}}));
    tid
}

fn counted(instructions: Option<u64>) -> Value {
    instructions.map_or_else(|| json!({}), |count| json!({"instructions": count}))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sample::Unit;
    use crate::testing;

    /// Checks every event against the documented fields, and that nothing overlaps within a lane.
    fn events(measured: &Measured) -> Vec<Value> {
        let document: Value = serde_json::from_str(&render(measured).unwrap()).unwrap();
        assert_eq!(document["displayTimeUnit"], "ms");
        let events = document["traceEvents"].as_array().unwrap().clone();
        let (mut named, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        let mut lanes = BTreeMap::<(u64, u64), Vec<(u64, u64)>>::new();
        for event in &events {
            let number = |field: &str| event[field].as_u64().unwrap_or_else(|| panic!("{field}: {event}"));
            let lane = (number("pid"), number("tid"));
            assert!(event["name"].as_str().is_some_and(|name| !name.is_empty()), "{event}");
            assert!(event["args"].is_object(), "{event}");
            match event["ph"].as_str().unwrap() {
                "X" => {
                    assert!(event["cat"].is_string());
                    lanes.entry(lane).or_default().push((number("ts"), number("ts") + number("dur")));
                }
                "i" => {
                    assert!(event["cat"].is_string() && event["s"] == "p", "{event}");
                    number("ts");
                    assert!(named.contains(&lane), "{event}");
                }
                "M" => match event["name"].as_str().unwrap() {
                    "process_name" => assert!(event["args"]["name"].is_string()),
                    "process_sort_index" | "thread_sort_index" => assert!(event["args"]["sort_index"].is_u64()),
                    "thread_name" => {
                        assert!(event["args"]["name"].is_string());
                        assert!(named.insert(lane) && numbers.insert(lane.1), "{event}");
                    }
                    other => panic!("no such metadata: {other}"),
                },
                other => panic!("no such event: {other}"),
            }
        }
        for (lane, bars) in &mut lanes {
            assert!(named.contains(lane), "{lane:?}");
            bars.sort_unstable();
            for pair in bars.windows(2) {
                assert!(pair[0].1 <= pair[1].0, "{lane:?}: {pair:?}");
            }
        }
        events
    }

    fn of<'a>(events: &'a [Value], cat: &str) -> Vec<&'a Value> {
        events.iter().filter(|event| event["cat"] == cat).collect()
    }

    #[test]
    fn a_boot_is_phases_moments_units_and_its_chain() {
        let measured = testing::measured(1, 2);
        let events = events(&measured);
        assert_eq!(of(&events, "phase").len(), 10);
        assert_eq!(of(&events, "mark").len(), 4);
        assert_eq!(of(&events, "critical-chain").len(), 8);
        assert_eq!(of(&events, "unit").len() + of(&events, "unit,critical-chain").len(), 16);
        let kernel = of(&events, "phase").into_iter().find(|event| event["name"] == "kernel").unwrap();
        let phase = &measured.samples[0].phases[2];
        assert_eq!((&kernel["ts"], &kernel["dur"]), (&json!(phase.start), &json!(phase.cost.micros)));
        assert_eq!(kernel["args"]["instructions"], json!(phase.cost.instructions));
        let link = &measured.samples[0].chain[1];
        let shown =
            of(&events, "critical-chain").into_iter().find(|event| event["name"] == link.unit.as_str()).unwrap();
        assert_eq!(shown["ts"], link.active - link.own.micros);
    }

    #[test]
    fn what_overlaps_is_in_other_lanes_and_what_does_not_shares_them() {
        let mut measured = testing::measured(1, 1);
        let spans = [(0, 10), (5, 10), (10, 5), (10, 0), (15, 0), (15, 1), (0, 0), (0, 30), (16, 4)];
        measured.samples[0].units = spans
            .iter()
            .map(|(start, micros)| Unit {
                name: "a".into(),
                start: *start,
                cost: Cost { micros: *micros, instructions: None },
            })
            .collect();
        let events = events(&measured);
        let lanes: BTreeSet<u64> = of(&events, "unit").iter().map(|event| event["tid"].as_u64().unwrap()).collect();
        assert_eq!((of(&events, "unit").len(), lanes.len()), (9, 3));
    }

    #[test]
    fn many_spans_never_overlap_in_a_lane() {
        let mut number = 7u64;
        let mut next = |below: u64| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) % below
        };
        for round in 1..50 {
            let mut measured = testing::measured(1, 1);
            measured.samples[0].units = (0..round * 4)
                .map(|_| Unit {
                    name: "a".into(),
                    start: next(50),
                    cost: Cost { micros: next(20), instructions: None },
                })
                .collect();
            assert_eq!(of(&events(&measured), "unit").len() as u64, round * 4);
        }
    }

    #[test]
    fn a_boot_that_does_not_count_says_why() {
        let mut measured = testing::measured(1, 2);
        measured.samples[0].inconclusive = Some("the host\nwas busy".into());
        measured.samples[1].total = None;
        let events = events(&measured);
        let names: Vec<&Value> =
            events.iter().filter(|event| event["name"] == "process_name").map(|event| &event["args"]["name"]).collect();
        assert_eq!(
            names,
            ["boot 1 (does not count: the host was busy)", "boot 2 (does not count: its end was not seen)"]
        );
        measured.samples.clear();
        assert_eq!(render(&measured), Err(FormatError::Nothing));
    }

    #[test]
    fn hostile_names_are_bounded_texts() {
        for name in testing::hostile_names() {
            for event in events(&testing::with_name(&testing::measured(1, 2), &name)) {
                let shown = event["name"].as_str().unwrap();
                assert!(shown.chars().count() <= 256 && !shown.chars().any(char::is_control), "{name:?}");
            }
        }
    }
}

//! The median boot from left to right: its phases, its units by the start of their activation, and what its end waited for.

use std::collections::BTreeSet;

use muster_base::text::{one_line, plural};

use super::measure::Axis;
use super::side::{Side, boots};
use super::svg::{Anchor, Fill, LEFT, Label, RIGHT, Svg, lanes};
use crate::by::By;
use crate::sample::{PhaseName, Sample};

/// Units that are drawn.
const UNITS: usize = 60;
/// Moments that are drawn.
const MARKS: usize = 8;
/// Characters of a unit's name, and of a moment's.
const NAME: usize = 34;
/// Characters of a name in the description.
const SAID: usize = 100;
/// Links of the critical chain that the words list.
const WORDS: usize = 12;
/// Pixels from one unit to the next.
const ROW: f64 = 25.0;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Waterfall<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// The boots of which the median one is drawn.
    pub side: Side<'a>,
}

/// A unit as it is drawn, in microseconds from QEMU's start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    start: u64,
    end: u64,
    name: String,
    /// When its own part of the critical chain began; none when it is not on it.
    own: Option<u64>,
}

impl Waterfall<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(self.id, "The median boot, unit by unit");
        let counted = self.side.totals(By::Time).len();
        let Some((sample, total)) =
            self.side.median_boot(By::Time).and_then(|sample| Some((sample, sample.total?.micros)))
        else {
            svg.say("", "Nothing to draw: no boot has a conclusive result.");
            let left_out = self.side.left_out(By::Time);
            svg.say("soft", &left_out.unwrap_or_else(|| format!("{}: no boot was measured.", self.side.name)));
            return svg.finish();
        };
        let which =
            format!("Boot {} of {}: {}", sample.number, one_line(self.side.name, NAME * 2), By::Time.show(total));
        svg.say("strong", &which);
        svg.say("", &format!("It is the median of {}.", boots(counted)));
        let (rows, more) = rows(sample);
        let ends = rows.iter().map(|row| row.end).chain(sample.marks.iter().take(MARKS).map(|mark| mark.at));
        let ends = ends.chain(sample.phases.iter().map(|phase| phase.start.saturating_add(phase.cost.micros)));
        let axis = Axis::from_zero(ends.chain([total]).max().unwrap_or(total), LEFT, RIGHT);

        chain_words(&mut svg, sample);
        legend(&mut svg, sample, !rows.is_empty());
        let labels = marks(sample, &axis);
        let lane = lanes(&labels);
        svg.y += 6.0;
        let marks_top = svg.y;
        svg.y += 17.0 * lane.iter().max().map_or(0.0, |most| *most as f64 + 1.0);
        let top = svg.y + 2.0;
        let bottom = top + 20.0 + ROW * rows.len() as f64 + 8.0;

        for nth in (1..rows.len()).step_by(2) {
            svg.bar(Fill::Class("band"), (0.0, 100.0), top + 20.0 + ROW * nth as f64, ROW, "");
        }
        let ticks = axis.ticks(By::Time);
        for (value, _) in &ticks {
            svg.line("rule", (axis.at(*value), top), (axis.at(*value), bottom));
        }
        for (mark, lane) in sample.marks.iter().take(MARKS).zip(&lane) {
            svg.line("moment", (axis.at(mark.at), marks_top + 17.0 * *lane as f64), (axis.at(mark.at), bottom));
        }
        for ((label, text), lane) in labels.iter().zip(&lane) {
            svg.text("strong", *label, marks_top + 17.0 * *lane as f64 + 12.0, text);
        }
        for name in PhaseName::ALL {
            let Some(phase) = sample.phase(name) else { continue };
            let end = phase.start.saturating_add(phase.cost.micros);
            let tip = format!("{}: {}", name.name(), By::Time.show(phase.cost.micros));
            svg.bar(Fill::Pattern(name.name()), (axis.at(phase.start), axis.at(end)), top, 16.0, &tip);
        }
        units(&mut svg, &rows, &axis, top + 20.0);
        svg.y = bottom;
        svg.line("rule", (LEFT, bottom), (RIGHT, bottom));
        for (value, text) in &ticks {
            svg.text("small", Label::tick(axis.at(*value)), bottom + 14.0, text);
        }
        svg.y += 18.0;
        if rows.is_empty() {
            svg.say("soft", "This boot says nothing of its units.");
        }
        if let Some(longest) = more.iter().max() {
            let count = more.len();
            let units = format!("{count} more unit{} not drawn", plural(count));
            svg.say("soft", &format!("{units}, each at most {}.", By::Time.show(*longest)));
        }
        if sample.marks.len() > MARKS {
            svg.say("soft", &format!("{} more moments are not drawn.", sample.marks.len() - MARKS));
        }
        svg.paragraph("small", 17.0, "Left to right: time since QEMU's start.");
        svg.finish()
    }
}

/// The units that are drawn, by start, and how long each of the others took: first those of the chain, from its end, then the longest.
fn rows(sample: &Sample) -> (Vec<Row>, Vec<u64>) {
    let mut drawn: BTreeSet<usize> = BTreeSet::new();
    let mut rows = Vec::new();
    for link in sample.chain.iter().take(UNITS) {
        // A unit that was started more than once stands there more than once.
        let same = sample.units.iter().enumerate().filter(|(nth, unit)| unit.name == link.unit && !drawn.contains(nth));
        let found = same.min_by_key(|(_, unit)| unit.start.saturating_add(unit.cost.micros).abs_diff(link.active));
        let own = link.active.saturating_sub(link.own.micros);
        let start = found.map_or(own, |(_, unit)| unit.start.min(own));
        drawn.extend(found.map(|(nth, _)| nth));
        rows.push(Row { start, end: link.active, name: link.unit.clone(), own: Some(own) });
    }
    let mut others: Vec<usize> = (0..sample.units.len()).filter(|nth| !drawn.contains(nth)).collect();
    others.sort_by_key(|nth| (std::cmp::Reverse(sample.units[*nth].cost.micros), *nth));
    let free = UNITS - rows.len();
    let chain_left = sample.chain.iter().skip(UNITS).map(|link| link.own.micros);
    let more = others.iter().skip(free).map(|nth| sample.units[*nth].cost.micros).chain(chain_left).collect();
    rows.extend(others.iter().take(free).map(|nth| {
        let unit = &sample.units[*nth];
        Row { start: unit.start, end: unit.start.saturating_add(unit.cost.micros), name: unit.name.clone(), own: None }
    }));
    rows.sort();
    (rows, more)
}

/// The chain as sentences, from its first unit to its last.
fn chain_words(svg: &mut Svg, sample: &Sample) {
    if sample.chain.is_empty() {
        svg.say("soft", "What its end waited for is not known.");
        return;
    }
    let mut longest: Vec<_> = sample.chain.iter().filter(|link| link.own.micros > 0).collect();
    svg.say("", "Critical chain: what its end waited for.");
    longest.sort_by_key(|link| std::cmp::Reverse(link.own.micros));
    if let Some(first) = longest.first() {
        let (name, own) = (one_line(&first.unit, NAME), By::Time.show(first.own.micros));
        svg.say("", &format!("Longest on it: {name} {own}"));
    }
    svg.fact("The critical chain, first to last:");
    for link in sample.chain.iter().take(WORDS).rev() {
        let (own, active) = (By::Time.show(link.own.micros), By::Time.show(link.active));
        svg.fact(&format!("{} added {own} and was active at {active};", one_line(&link.unit, SAID)));
    }
    let earlier = sample.chain.len().saturating_sub(WORDS);
    svg.fact(&if earlier == 0 {
        "that is all of it.".to_owned()
    } else {
        format!("{earlier} earlier ones are not listed.")
    });
}

fn legend(svg: &mut Svg, sample: &Sample, units: bool) {
    let mut entries = Vec::new();
    for phase in PhaseName::ALL.iter().filter_map(|name| sample.phase(*name)) {
        let text = format!("{} {}", phase.name.name(), By::Time.short(phase.cost.micros));
        svg.fact(&format!("Phase {text}."));
        entries.push((Fill::Pattern(phase.name.name()), text));
    }
    svg.legend(&entries);
    if units {
        svg.legend(&[
            (Fill::Pattern("chain"), "critical chain".to_owned()),
            (Fill::Class("other"), "other units".to_owned()),
        ]);
    }
    for mark in sample.marks.iter().take(MARKS) {
        svg.fact(&format!("Moment {} at {}.", one_line(&mark.name, NAME), By::Time.show(mark.at)));
    }
}

fn marks(sample: &Sample, axis: &Axis) -> Vec<(Label, String)> {
    let label = |at: u64, text: String| {
        let label = Label::along(axis.at(at), axis.at(at), &text);
        let shift = if label.anchor == Anchor::Start { 4.0 } else { -4.0 };
        (label.shifted(shift), text)
    };
    let marks = sample.marks.iter().take(MARKS);
    marks.map(|mark| label(mark.at, format!("{} {}", one_line(&mark.name, NAME), By::Time.short(mark.at)))).collect()
}

fn units(svg: &mut Svg, rows: &[Row], axis: &Axis, top: f64) {
    // What moves on from one unit of the chain to the next is a line, below the bars.
    let chain: Vec<(usize, &Row)> = {
        let mut chain: Vec<_> = rows.iter().enumerate().filter(|(_, row)| row.own.is_some()).collect();
        chain.sort_by_key(|(nth, row)| (row.end, *nth));
        chain
    };
    let y = |nth: usize| top + ROW * nth as f64;
    for pair in chain.windows(2) {
        let ((from, before), (to, _)) = (pair[0], pair[1]);
        let x = axis.at(before.end);
        svg.line("link", (x, y(from) + 19.0), (x, y(to) + 19.0));
    }
    for (nth, row) in rows.iter().enumerate() {
        let (from, to) = (axis.at(row.start), axis.at(row.end));
        // One that took no time is still seen.
        let to = to.max(from + 0.35).min(RIGHT + 0.35);
        let took = By::Time.short(row.end.saturating_sub(row.start));
        let name = one_line(&row.name, NAME);
        let tip = format!(
            "{}: {} from {}",
            row.name,
            By::Time.show(row.end.saturating_sub(row.start)),
            By::Time.show(row.start)
        );
        svg.bar(Fill::Class("other"), (from, to), y(nth) + 15.0, 8.0, &tip);
        let plain = format!("{name} {took}");
        // As systemctl takes it: a name without a suffix is that of a service.
        let short = format!("{} {took}", name.strip_suffix(".service").unwrap_or(&name));
        let (narrow, wide) = match row.own {
            Some(own) => {
                svg.bar(Fill::Pattern("chain"), (axis.at(own).min(to - 0.35), to), y(nth) + 15.0, 8.0, &tip);
                let own = By::Time.short(row.end.saturating_sub(own));
                let part = if own == took { String::new() } else { format!(", {own} on the chain") };
                (format!("\u{25c6} {short}"), format!("\u{25c6} {plain}{part}"))
            }
            None => (short, plain),
        };
        svg.label(row.own.is_some(), (from, to), y(nth) + 12.0, &narrow, &wide);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{boot, inconclusive, parsed};
    use super::*;
    use crate::sample::{Cost, Link, Mark, Unit};

    fn picture(samples: &[Sample]) -> String {
        Waterfall { id: "median", side: Side { name: "new", samples } }.svg()
    }

    #[test]
    fn it_is_the_boot_in_the_middle_with_its_chain() {
        let found = parsed(&picture(&[boot(1, 9_000_000), boot(2, 20_000_000), boot(3, 10_000_000), inconclusive(4)]));
        assert!(found.said().contains("Boot 3 of new: 10.0 s It is the median of 3 boots."), "{}", found.said());
        assert!(found.said().contains("\u{25c6} late.service 2.50 s"), "{}", found.said());
        assert!(found.said().contains("early.service 1.00 s") && !found.said().contains("\u{25c6} early"));
        assert!(found.desc.contains("late.service added 2.50 s and was active at 7.50 s;"), "{}", found.desc);
        assert_eq!(found.bars("chain").len(), 2, "a target that took no time is drawn too");
        let phases = [found.bars("firmware"), found.bars("kernel"), found.bars("userspace")];
        let wide: f64 = phases.iter().map(|bars| bars[0].percent("width")).sum();
        assert!((wide - (RIGHT - LEFT)).abs() < 0.01, "{wide}");
    }

    #[test]
    fn at_most_sixty_units_are_drawn_and_the_others_are_counted() {
        let mut sample = boot(1, 10_000_000);
        let unit = |nth: u64| Unit {
            name: format!("u{nth}.service"),
            start: 100 * nth,
            cost: Cost { micros: nth, instructions: None },
        };
        sample.units.extend((0..10_000).map(unit));
        let text = picture(std::slice::from_ref(&sample));
        let found = parsed(&text);
        let drawn = found.elements.iter().filter(|it| it.name == "rect" && it.get("class") == Some("other"));
        assert_eq!(drawn.filter(|it| it.get("width").is_some_and(|width| width.ends_with('%'))).count(), UNITS);
        assert!(found.said().contains("9943 more units not drawn, each at most 9.94 ms."), "{}", found.said());
        assert!(text.len() < 60_000, "{}", text.len());
        let link =
            |nth: u64| Link { unit: format!("c{nth}"), active: nth, own: Cost { micros: nth, instructions: None } };
        sample.chain = (0..5_000).map(link).collect();
        sample.marks = (0..5_000).map(|at| Mark { name: "m".repeat(99), at, instructions: None }).collect();
        assert!(picture(&[sample]).len() < 80_000);
    }

    #[test]
    fn hostile_names_and_times_stay_inert() {
        let mut sample = boot(1, 10_000_000);
        sample.units[0].name = "<script>alert(1)</script>\u{202e}".repeat(500);
        sample.units[1].start = u64::MAX;
        sample.chain[1].own.micros = u64::MAX;
        sample.phases[2].start = u64::MAX;
        sample.marks[0] = Mark { name: "]]>&lt;\u{1b}".into(), at: u64::MAX, instructions: None };
        let text = picture(&[sample]);
        parsed(&text);
        assert!(!text.contains("<script") && text.len() < 40_000, "{}", text.len());
    }

    #[test]
    fn odd_inputs_give_a_picture_or_a_sentence() {
        for samples in [vec![], vec![inconclusive(1)]] {
            assert!(parsed(&picture(&samples)).said().contains("Nothing to draw"));
        }
        let bare = Sample { units: vec![], chain: vec![], marks: vec![], phases: vec![], ..boot(1, 0) };
        assert!(parsed(&picture(&[bare])).said().contains("This boot says nothing of its units."));
        let many: Vec<Sample> = (1..=10_000).map(|number| boot(number, 9_000_000)).collect();
        assert_eq!(picture(&many), picture(&many));
    }
}

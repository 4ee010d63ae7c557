//! The phases of boots, stacked: one bar a boot, by time or by instructions, the baseline above the candidate.

use super::measure::{Axis, change, ratio};
use super::side::Side;
use super::svg::{Fill, LEFT, Label, RIGHT, Svg};
use crate::by::By;
use crate::median::median;
use crate::sample::{PhaseName, Sample};

/// Bars of one side.
const BARS: usize = 20;
/// Where bars begin, and where the longest ends, in percent: left of them are numbers, right of them totals.
const BAR: (f64, f64) = (10.0, 82.0);
/// Right edges of the columns of the table, in percent.
const COLUMNS: [f64; 3] = [53.0, 77.0, RIGHT];

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Phases<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// What the length of a bar means.
    pub by: By,
    /// Drawn first, when there is one.
    pub baseline: Option<Side<'a>>,
    /// The boots that were measured.
    pub candidate: Side<'a>,
}

impl Phases<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let by = self.by;
        let mut svg = Svg::new(self.id, &format!("Phases of boots, by {}", by.name()));
        let sides: Vec<(&str, Side<'_>)> = match self.baseline {
            Some(baseline) => vec![("baseline", baseline), ("candidate", self.candidate)],
            None => vec![("", self.candidate)],
        };
        let longest = sides
            .iter()
            .flat_map(|(_, side)| side.totals(by))
            .map(|(sample, total)| total.max(stacked(sample, by)))
            .max();
        let Some(longest) = longest else {
            svg.say("", &format!("Nothing to draw: no boot has a conclusive result in {}.", by.name()));
            for (_, side) in &sides {
                svg.say("soft", &side.left_out(by).unwrap_or_else(|| format!("{}: no boot was measured.", side.name)));
            }
            return svg.finish();
        };
        self.table(&mut svg, &sides);
        let axis = Axis::from_zero(longest, BAR.0, BAR.1);
        let top = svg.y + 8.0;
        let (ticks, mut grid) = (axis.ticks(by), Vec::new());
        for (role, side) in &sides {
            grid.push(self.bars(&mut svg, role, side, &axis, &ticks));
        }
        let bottom = grid.into_iter().fold(top, f64::max);
        svg.y = bottom + 16.0;
        for (value, text) in &ticks {
            svg.line("rule", (axis.at(*value), bottom), (axis.at(*value), bottom + 5.0));
            svg.text("small", Label::tick(axis.at(*value)), bottom + 18.0, text);
        }
        svg.y = bottom + 22.0;
        let meaning = match by {
            By::Time => "Left to right: time since QEMU's start.",
            By::Instructions => "Left to right: instructions since QEMU's start.",
        };
        svg.paragraph("small", 17.0, meaning);
        svg.finish()
    }

    /// Each phase with its pattern and its medians; also the legend.
    fn table(&self, svg: &mut Svg, sides: &[(&str, Side<'_>)]) {
        let by = self.by;
        svg.y += 20.0;
        let y = svg.y - 3.0;
        svg.text("small", Label::start(LEFT), y, "phase");
        if sides.len() == 1 {
            svg.text("small", Label::end(COLUMNS[0]), y, "median");
        } else {
            for (column, heading) in COLUMNS.iter().zip(["baseline", "candidate", "change"]) {
                svg.text("small", Label::end(*column), y, heading);
            }
        }
        let medians = |name: PhaseName| -> Vec<Option<u64>> {
            let of = |side: &Side<'_>| {
                let costs = side.totals(by).into_iter().filter_map(|(sample, _)| by.of(&sample.phase(name)?.cost));
                median(costs.collect())
            };
            sides.iter().map(|(_, side)| of(side)).collect()
        };
        for name in PhaseName::ALL {
            let found = medians(name);
            if found.iter().any(Option::is_some) {
                svg.y += 19.0;
                svg.swatch(Fill::Pattern(name.name()), LEFT, svg.y - 13.0);
                self.row(svg, "", 22.0, name.name(), &found);
            }
        }
        let rests = |side: &Side<'_>| {
            median(side.totals(by).into_iter().map(|(sample, total)| rest(sample, total, by)).collect())
        };
        let found: Vec<Option<u64>> = sides.iter().map(|(_, side)| rests(side)).collect();
        if sides.iter().any(|(_, side)| side.totals(by).into_iter().any(|(sample, total)| rest(sample, total, by) > 0))
        {
            svg.y += 19.0;
            svg.swatch(Fill::Class("rest"), LEFT, svg.y - 13.0);
            self.row(svg, "", 22.0, "no known phase", &found);
        }
        svg.y += 19.0;
        svg.line("rule", (LEFT, svg.y - 15.0), (RIGHT, svg.y - 15.0));
        let totals: Vec<Option<u64>> = sides.iter().map(|(_, side)| side.median(by)).collect();
        self.row(svg, "strong", 0.0, "whole boot", &totals);
        svg.paragraph("small", 17.0, "Each is a median by itself: they need not add up.");
    }

    fn row(&self, svg: &mut Svg, class: &'static str, shift: f64, name: &str, medians: &[Option<u64>]) {
        let by = self.by;
        let y = svg.y - 2.0;
        svg.text(class, Label::start(LEFT).shifted(shift), y, name);
        let mut words = Vec::new();
        for (column, value) in COLUMNS.iter().zip(medians) {
            svg.text(class, Label::end(*column), y, &value.map_or("\u{2013}".to_owned(), |value| by.short(value)));
            words.push(value.map_or("not seen".to_owned(), |value| by.show(value)));
        }
        if let [before, after] = medians {
            let changed = before.zip(*after).and_then(|(before, after)| ratio(before, after));
            let changed = changed.map_or("\u{2013}".to_owned(), change);
            svg.text(class, Label::end(COLUMNS[2]), y, &changed);
            svg.fact(&format!(
                "{name}: median of the baseline {}, of the candidate {}, change {changed}.",
                words[0], words[1]
            ));
        } else {
            svg.fact(&format!("{name}: median {}.", words[0]));
        }
    }

    /// One side; the bottom of its last bar.
    fn bars(&self, svg: &mut Svg, role: &str, side: &Side<'_>, axis: &Axis, ticks: &[(u64, String)]) -> f64 {
        let by = self.by;
        let (counted, shown) = (side.totals(by).len(), side.representative(by, BARS));
        svg.y += 8.0;
        svg.say("strong", &side.heading(role, counted));
        if shown.len() < counted {
            let which = format!("{} of them, evenly from fastest to slowest.", shown.len());
            svg.say("small", &which);
        }
        if let Some(left_out) = side.left_out(by) {
            svg.say("small", &left_out);
        }
        let top = svg.y + 4.0;
        svg.y = top;
        let bottom = top + 18.0 * shown.len() as f64;
        for (value, _) in ticks {
            svg.line("rule", (axis.at(*value), top - 2.0), (axis.at(*value), bottom));
        }
        for (sample, total) in shown {
            self.bar(svg, sample, total, axis);
            svg.y += 18.0;
        }
        svg.y = bottom;
        bottom
    }

    fn bar(&self, svg: &mut Svg, sample: &Sample, total: u64, axis: &Axis) {
        let (by, y) = (self.by, svg.y);
        svg.text("small", Label::end(BAR.0).shifted(-5.0), y + 11.0, &sample.number.to_string());
        let mut end = 0u64;
        for name in PhaseName::ALL {
            let Some(value) = sample.phase(name).and_then(|phase| by.of(&phase.cost)) else { continue };
            let from = axis.at(end);
            end = end.saturating_add(value);
            let tip = format!("boot {}, {}: {}", sample.number, name.name(), by.show(value));
            svg.bar(Fill::Pattern(name.name()), (from, axis.at(end)), y, 13.0, &tip);
        }
        if rest(sample, total, by) > 0 {
            let tip = format!("boot {}: {} of no known phase", sample.number, by.show(total - end));
            svg.bar(Fill::Class("rest"), (axis.at(end), axis.at(total)), y, 13.0, &tip);
        }
        svg.text("", Label::start(axis.at(total.max(end))).shifted(6.0), y + 11.0, &by.short(total));
    }
}

/// The sum of the phases.
fn stacked(sample: &Sample, by: By) -> u64 {
    let known = PhaseName::ALL.iter().filter_map(|name| by.of(&sample.phase(*name)?.cost));
    known.fold(0, u64::saturating_add)
}

/// What of the total belongs to no phase; less than a thousandth is rounding.
fn rest(sample: &Sample, total: u64, by: By) -> u64 {
    let rest = total.saturating_sub(stacked(sample, by));
    if rest > total / 1000 { rest } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{boot, inconclusive, parsed};
    use super::*;

    fn picture(baseline: Option<&[Sample]>, candidate: &[Sample], by: By) -> String {
        let baseline = baseline.map(|samples| Side { name: "old", samples });
        Phases { id: "phases", by, baseline, candidate: Side { name: "new", samples: candidate } }.svg()
    }

    #[test]
    fn the_phases_of_a_bar_touch_and_add_up_to_the_boot() {
        let (before, after) = ([boot(1, 10_000_000), boot(2, 10_400_000)], [boot(1, 12_000_000)]);
        for by in [By::Time, By::Instructions] {
            let found = parsed(&picture(Some(&before), &after, by));
            let (firmware, kernel, userspace) = (found.bars("firmware"), found.bars("kernel"), found.bars("userspace"));
            assert_eq!((firmware.len(), kernel.len(), userspace.len()), (3, 3, 3));
            for nth in 0..3 {
                let end = |bar: &super::super::testing::Element| bar.percent("x") + bar.percent("width");
                assert!((end(firmware[nth]) - kernel[nth].percent("x")).abs() < 0.0015);
                assert!((end(kernel[nth]) - userspace[nth].percent("x")).abs() < 0.0015);
                let micros = [10_000_000.0, 10_400_000.0, 12_000_000.0][nth];
                let expected = BAR.0 + micros / 12_000_000.0 * (BAR.1 - BAR.0);
                assert!((end(userspace[nth]) - expected).abs() < 0.0015, "{} is not {expected}", end(userspace[nth]));
            }
        }
    }

    #[test]
    fn what_belongs_to_no_phase_is_drawn_as_such() {
        let mut sample = boot(1, 10_000_000);
        sample.phases.retain(|phase| phase.name != PhaseName::Kernel);
        let found = parsed(&picture(None, &[sample], By::Time));
        let rest: Vec<_> = found.elements.iter().filter(|it| it.get("class") == Some("rest")).collect();
        assert!(found.desc.contains("no known phase: median 2.00 s."), "{}", found.desc);
        let rest: Vec<_> =
            rest.into_iter().filter(|it| it.get("width").is_some_and(|width| width.ends_with('%'))).collect();
        assert_eq!(rest.len(), 1);
        assert!((rest[0].percent("width") - 0.2 * (BAR.1 - BAR.0)).abs() < 0.002);
    }

    #[test]
    fn the_words_say_what_the_bars_show() {
        let found = parsed(&picture(Some(&[boot(1, 10_000_000)]), &[boot(1, 12_000_000), inconclusive(2)], By::Time));
        let wanted = "whole boot: median of the baseline 10.0 s, of the candidate 12.0 s, change +20.0 %.";
        assert!(found.desc.contains(wanted), "{}", found.desc);
        assert!(found.desc.contains("Not shown: 1 boot inconclusive (boot 2: the host was busy)."), "{}", found.desc);
        assert!(found.said().contains("+20.0 %"), "{}", found.said());
    }

    #[test]
    fn odd_inputs_give_a_picture_or_a_sentence() {
        let no_count = Sample { total: Some(crate::sample::Cost { micros: 5, instructions: None }), ..boot(1, 5) };
        for (samples, by) in [(vec![], By::Time), (vec![inconclusive(1)], By::Time), (vec![no_count], By::Instructions)]
        {
            let found = parsed(&picture(None, &samples, by));
            assert!(found.said().contains("Nothing to draw"), "{}", found.said());
        }
        let many: Vec<Sample> = (1..=10_000).map(|number| boot(number, 9_000_000 + u64::from(number))).collect();
        let text = picture(Some(&many), &many, By::Time);
        assert_eq!(parsed(&text).bars("kernel").len(), 2 * BARS);
        assert!(text.len() < 60_000, "{}", text.len());
        assert_eq!(text, picture(Some(&many), &many, By::Time));
        for micros in [0, 1, u64::MAX] {
            parsed(&picture(None, &[boot(1, micros), boot(2, micros)], By::Time));
        }
    }
}

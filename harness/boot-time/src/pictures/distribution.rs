//! The totals of boots as points, with their median and its interval: one row for the baseline, one for the candidate.

use super::measure::{Axis, change, ratio};
use super::side::{Side, boots};
use super::svg::{Fill, LEFT, Label, NARROW, RIGHT, Svg};
use crate::by::By;
use crate::median::median;

/// More boots of one side are drawn as bars of a histogram.
const POINTS: usize = 200;
/// Bars of a histogram.
const BINS: usize = 60;
/// Radius of a point, pixels.
const RADIUS: f64 = 4.0;
/// Height of what is drawn of one side, pixels.
const ROW: f64 = 76.0;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Distribution<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// What a point's place means.
    pub by: By,
    /// The upper row, when there is one.
    pub baseline: Option<Row<'a>>,
    /// The boots that were measured.
    pub candidate: Row<'a>,
    /// The smallest change of the median that counts, as a part of the baseline's: `0.02` are 2 %.
    pub floor: Option<f64>,
}

/// One side and what is known of its median.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The boots.
    pub side: Side<'a>,
    /// Where the median of all such boots is.
    pub interval: Option<Interval>,
}

/// A confidence interval, in the picture's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: u64,
    /// Its upper end.
    pub high: u64,
    /// The confidence: `0.95`.
    pub confidence: f64,
}

impl Distribution<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let by = self.by;
        let mut svg = Svg::new(self.id, &format!("All boots, by {}", by.name()));
        let role = if self.baseline.is_some() { "candidate" } else { "" };
        let mut rows = vec![(role, "after", self.candidate)];
        if let Some(baseline) = self.baseline {
            rows.insert(0, ("baseline", "before", baseline));
        }
        let floor = self.floor_around();
        let values = rows.iter().flat_map(|(_, _, row)| {
            let ends = row.interval.filter(|_| row.side.median(by).is_some()).map(|it| [it.low, it.high]);
            row.side.totals(by).into_iter().map(|(_, total)| total).chain(ends.into_iter().flatten())
        });
        let values: Vec<u64> = values.chain(floor.into_iter().flat_map(|(_, low, high)| [low, high])).collect();
        let (Some(low), Some(high)) = (values.iter().min(), values.iter().max()) else {
            svg.say("", &format!("Nothing to draw: no boot has a conclusive result in {}.", by.name()));
            for (_, _, row) in &rows {
                let left_out = row.side.left_out(by);
                svg.say("soft", &left_out.unwrap_or_else(|| format!("{}: no boot was measured.", row.side.name)));
            }
            return svg.finish();
        };
        let axis = Axis::around(*low, *high, LEFT, RIGHT);
        if let Some(sentence) = self.changed() {
            svg.say("strong", &sentence);
        }
        if let Some((part, low, high)) = floor {
            svg.y += 6.0;
            svg.swatch(Fill::Pattern("floor"), LEFT, svg.y + 1.0);
            let (low, high) = (by.short(low), by.short(high));
            let text = format!("Effect floor: ±{:.1} %, {low} to {high}.", part * 100.0);
            svg.fact(&text);
            svg.text("", Label::start(LEFT).shifted(22.0), svg.y + 11.0, &text);
            svg.y += 16.0;
            svg.say("small", "A median inside of it does not count as changed.");
        }
        let ticks = axis.ticks(by);
        for (role, class, row) in &rows {
            self.row(&mut svg, (role, class), row, &axis, &ticks, floor);
        }
        for (value, text) in &ticks {
            svg.text("small", Label::tick(axis.at(*value)), svg.y + 14.0, text);
        }
        svg.y += 18.0;
        let start = if axis.has_zero() { "" } else { ", not from zero" };
        svg.paragraph("small", 17.0, "Thick bar: median. Thin line: its interval.");
        svg.paragraph("small", 17.0, &format!("Left to right: {}{start}.", by.name()));
        svg.finish()
    }

    /// How far the median moved; whether that is a regression is not for a picture to say.
    fn changed(&self) -> Option<String> {
        let ratio = ratio(self.baseline?.side.median(self.by)?, self.candidate.side.median(self.by)?)?;
        let floor = self.floor_around().map(|(part, ..)| {
            let place = if (ratio - 1.0).abs() > part { "outside" } else { "inside" };
            format!(", {place} the effect floor")
        });
        Some(format!("Median {}{}.", change(ratio), floor.unwrap_or_default()))
    }

    /// The floor, and which medians it reaches from and to.
    fn floor_around(&self) -> Option<(f64, u64, u64)> {
        let part = self.floor.filter(|part| part.is_finite() && *part > 0.0)?;
        let median = self.baseline?.side.median(self.by)? as f64;
        Some((part, (median * (1.0 - part)).max(0.0).round() as u64, (median * (1.0 + part)).round() as u64))
    }

    fn row(
        &self,
        svg: &mut Svg,
        (role, class): (&str, &'static str),
        row: &Row<'_>,
        axis: &Axis,
        ticks: &[(u64, String)],
        floor: Option<(f64, u64, u64)>,
    ) {
        let by = self.by;
        let values: Vec<u64> = row.side.totals(by).into_iter().map(|(_, total)| total).collect();
        svg.y += 10.0;
        svg.say("strong", &row.side.heading(role, values.len()));
        if let Some(left_out) = row.side.left_out(by) {
            svg.say("small", &left_out);
        }
        let Some(middle) = median(values.clone()) else { return };
        let interval = match row.interval {
            Some(Interval { low, high, confidence }) => {
                let percent = (confidence * 1000.0).round() / 10.0;
                format!("; {percent} % interval {} to {}", by.short(low), by.short(high))
            }
            None => String::new(),
        };
        svg.say("", &format!("median {}{interval}", by.short(middle)));
        if let (Some(least), Some(most)) = (values.iter().min(), values.iter().max()) {
            svg.fact(&format!("From {} to {}.", by.show(*least), by.show(*most)));
        }
        let how = match (values.len() > POINTS, class) {
            (true, _) => "The higher a bar, the more boots are there.",
            (_, "after") => "Each diamond is one boot.",
            _ => "Each dot is one boot.",
        };
        svg.paragraph("small", 17.0, how);
        let (top, bottom) = (svg.y + 6.0, svg.y + 6.0 + ROW);
        if let Some((_, low, high)) = floor {
            svg.bar(Fill::Pattern("floor"), (axis.at(low), axis.at(high)), top, ROW, "effect floor");
        }
        for (value, _) in ticks {
            svg.line("rule", (axis.at(*value), top), (axis.at(*value), bottom));
        }
        svg.line("rule", (LEFT, bottom), (RIGHT, bottom));
        if values.len() > POINTS {
            histogram(svg, class, &values, axis, (top, bottom - 22.0));
        } else {
            swarm(svg, class, &values, axis, (top, bottom - 22.0));
        }
        let (y, x) = (bottom - 11.0, axis.at(middle));
        if let Some(Interval { low, high, .. }) = row.interval {
            let (low, high) = (axis.at(low.min(high)), axis.at(high.max(low)));
            svg.line("interval", (low, y), (high, y));
            svg.line("interval", (low, y - 5.0), (low, y + 5.0));
            svg.line("interval", (high, y - 5.0), (high, y + 5.0));
        }
        svg.line("median", (x, y - 9.0), (x, y + 9.0));
        svg.y = bottom;
    }
}

/// Points at their values, moved up or down so that they do not cover each other as far as there is height for it.
fn swarm(svg: &mut Svg, class: &'static str, values: &[u64], axis: &Axis, (top, bottom): (f64, f64)) {
    let step = RADIUS * 2.0 + 1.0;
    let lanes = (((bottom - top) / step).floor() as usize).max(1);
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let mut ends = vec![f64::NEG_INFINITY; lanes];
    for value in sorted {
        let x = axis.at(value) / 100.0 * NARROW;
        // The middle first, then by turns above and below.
        let order = (0..lanes).map(|nth| if nth % 2 == 0 { lanes / 2 - nth / 2 } else { lanes / 2 + nth.div_ceil(2) });
        let order: Vec<usize> = order.filter(|lane| *lane < lanes).collect();
        let free = order.iter().copied().find(|lane| x - ends[*lane] >= step);
        let lane = free.or_else(|| order.into_iter().min_by(|a, b| ends[*a].total_cmp(&ends[*b]))).unwrap_or(0);
        ends[lane] = x;
        svg.point(class, (axis.at(value), top + step * (lane as f64 + 0.5)), RADIUS);
    }
}

fn histogram(svg: &mut Svg, class: &'static str, values: &[u64], axis: &Axis, (top, bottom): (f64, f64)) {
    let wide = (RIGHT - LEFT) / BINS as f64;
    let mut bins = [0usize; BINS];
    for value in values {
        let bin = ((axis.at(*value) - LEFT) / wide) as usize;
        bins[bin.min(BINS - 1)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    for (nth, count) in bins.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let from = LEFT + wide * nth as f64;
        // One boot among thousands must still be seen.
        let height = ((bottom - top) * count as f64 / most as f64).max(1.5);
        svg.bar(Fill::Class(class), (from, from + wide), bottom - height, height, &boots(count));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{boot, inconclusive, parsed};
    use super::*;
    use crate::sample::Sample;

    fn picture(baseline: Option<&[Sample]>, candidate: &[Sample], floor: Option<f64>) -> String {
        let row = |name, samples| Row {
            side: Side { name, samples },
            interval: Some(Interval { low: 9_900_000, high: 10_200_000, confidence: 0.95 }),
        };
        let baseline = baseline.map(|samples| row("old", samples));
        Distribution { id: "all", by: By::Time, baseline, candidate: row("new", candidate), floor }.svg()
    }

    fn series(count: u32, micros: u64, step: u64) -> Vec<Sample> {
        (0..count).map(|nth| boot(nth + 1, micros + u64::from(nth) * step)).collect()
    }

    #[test]
    fn every_boot_is_one_point_at_its_value() {
        let found = parsed(&picture(Some(&series(9, 10_000_000, 50_000)), &series(7, 11_000_000, 50_000), Some(0.02)));
        let points = |class: &str| found.elements.iter().filter(|it| it.get("class") == Some(class)).count();
        assert_eq!((points("before"), points("after")), (9, 7));
        let mut xs: Vec<f64> = found
            .elements
            .iter()
            .filter(|it| it.name == "circle" && it.get("class") == Some("before"))
            .map(|it| it.percent("cx"))
            .collect();
        xs.sort_by(f64::total_cmp);
        let steps: Vec<f64> = xs.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| *step > 0.0 && (step - steps[0]).abs() < 0.01), "{steps:?}");
        assert!(found.said().contains("median 10.2 s; 95 % interval 9.90 s to 10.2 s"), "{}", found.said());
        assert!(found.desc.contains("Median +9.3 %, outside the effect floor."), "{}", found.desc);
        assert!(found.desc.contains("Effect floor: ±2.0 %, 10.0 s to 10.4 s."), "{}", found.desc);
    }

    #[test]
    fn ten_thousand_boots_are_a_histogram_that_counts_all() {
        let text = picture(Some(&series(10_000, 10_000_000, 100)), &series(9, 10_000_000, 100), None);
        let found = parsed(&text);
        assert!(text.len() < 40_000, "{}", text.len());
        let bars = found.elements.iter().filter(|it| it.name == "rect" && it.get("class") == Some("before")).count();
        assert!((10..=BINS).contains(&bars), "{bars}");
        let tips = text.matches("<title>").count();
        assert!(tips >= bars, "each says how many it has");
        assert_eq!(text, picture(Some(&series(10_000, 10_000_000, 100)), &series(9, 10_000_000, 100), None));
    }

    #[test]
    fn odd_inputs_give_a_picture_or_a_sentence() {
        for samples in [vec![], vec![inconclusive(1)]] {
            let found = parsed(&picture(Some(&samples), &samples, Some(0.02)));
            assert!(found.said().contains("Nothing to draw"), "{}", found.said());
        }
        for (count, micros) in [(1, 10_000_000), (5, 10_000_000), (200, 7), (2, 0), (2, u64::MAX), (300, u64::MAX)] {
            parsed(&picture(Some(&series(count, micros, 0)), &series(count, micros, 0), Some(0.02)));
            parsed(&picture(None, &series(count, micros, 0), Some(f64::NAN)));
        }
    }
}

//! A series over builds: the median of each, its boots, and the builds from which on the level is another.

use muster_base::text::one_line;
use muster_stats::change_points::LEAST_BUILDS;

use super::measure::{Axis, change};
use super::svg::{Anchor, LEFT, Label, RIGHT, Svg, lanes};
use crate::by::By;
use crate::median::median;

/// Columns; more builds share one.
const COLUMNS: usize = 120;
/// Changes that are drawn: the largest.
const CHANGES: usize = 12;
/// Points of boots, over all builds; with more only ranges are drawn.
const POINTS: usize = 600;
/// Where the first build and the last one stand, in percent.
const PLOT: (f64, f64) = (16.0, 96.0);
/// Height of the plot, pixels.
const HEIGHT: f64 = 230.0;
/// Characters of a build's label.
const LABEL: usize = 20;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Unique on the page.
    pub id: &'a str,
    /// What the height means.
    pub by: By,
    /// Of what this is the history; foreign text.
    pub name: &'a str,
    /// From the oldest to the newest.
    pub builds: &'a [Build],
    /// Where the level changed.
    pub changes: &'a [Change],
}

/// One build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its version or date; foreign text.
    pub label: String,
    /// Of its boots, in the picture's unit.
    pub median: u64,
    /// Its boots, in the picture's unit.
    pub samples: Vec<u64>,
}

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first build of the new level, from 0; one outside of the builds is not drawn.
    pub index: usize,
    /// New level by old level: `1.12` are 12 % more. One that is not finite is drawn as unknown.
    pub ratio: f64,
}

/// Builds that share a column.
struct Column {
    x: f64,
    median: u64,
    low: u64,
    high: u64,
}

impl History<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let by = self.by;
        let mut svg = Svg::new(self.id, &format!("History of the boot, by {}", by.name()));
        let (Some(first), Some(last)) = (self.builds.first(), self.builds.last()) else {
            svg.say("", &format!("Nothing to draw: {} has no build yet.", self.name));
            return svg.finish();
        };
        let label = |build: &Build| one_line(&build.label, LABEL);
        let count = self.builds.len();
        let plural = muster_base::text::plural(count);
        svg.say("", &format!("{}: {count} build{plural}", one_line(self.name, 80)));
        svg.fact(&format!("From {} to {}.", label(first), label(last)));
        svg.fact(&format!(
            "Median of the first build {}, of the last {}.",
            by.show(first.median),
            by.show(last.median)
        ));
        let (changes, more) = self.drawn();
        if self.changes.is_empty() && count < LEAST_BUILDS {
            svg.say(
                "",
                &format!("Too few builds to tell whether the level changed: {count} of at least {LEAST_BUILDS}."),
            );
        } else if self.changes.is_empty() {
            svg.say("", "No change of the level was found.");
        }
        for (nth, change_point) in changes.iter().enumerate() {
            svg.say("", &self.words(nth, change_point));
        }
        if more > 0 {
            svg.say("soft", &format!("{more} more changes are smaller and not drawn."));
        }

        let columns = self.columns(&changes);
        let low = columns.iter().map(|column| column.low).min().unwrap_or(0);
        let high = columns.iter().map(|column| column.high).max().unwrap_or(0);
        let labels = self.labels(&changes);
        let lane = lanes(&labels);
        let lane_top = svg.y + 6.0;
        svg.y = lane_top + 17.0 * lane.iter().max().map_or(0.0, |most| *most as f64 + 1.0);
        let (top, bottom) = (svg.y + 6.0, svg.y + 6.0 + HEIGHT);
        let axis = Axis::around(low, high, bottom, top);
        for (value, text) in axis.ticks(by) {
            let y = axis.at(value);
            svg.line("rule", (PLOT.0 - 1.0, y), (RIGHT, y));
            svg.text("small", Label::end(PLOT.0 - 1.0).shifted(-4.0), y + 4.0, &text);
        }
        for ((change_point, (label, text)), lane) in changes.iter().zip(&labels).zip(&lane) {
            let (x, y) = (self.border(change_point.index), lane_top + 17.0 * *lane as f64);
            svg.line("shift", (x, y), (x, bottom));
            svg.text("strong", *label, y + 12.0, text);
        }
        self.series(&mut svg, &columns, &axis);
        svg.line("line", (PLOT.0 - 1.0, bottom), (RIGHT, bottom));
        svg.text("small", Label::start(PLOT.0 - 1.0), bottom + 15.0, &label(first));
        if count > 1 {
            svg.text("small", Label::end(RIGHT), bottom + 15.0, &label(last));
        }
        svg.y = bottom + 22.0;
        self.key(&mut svg, &axis);
        svg.finish()
    }

    fn key(&self, svg: &mut Svg, axis: &Axis) {
        let per = self.builds.len().div_ceil(COLUMNS);
        let what = match per {
            1 => "Large dot: median of a build.".to_owned(),
            _ => format!("Large dot: median of up to {per} builds in a row."),
        };
        let boots = if self.has_points() { "Small dots: boots." } else { "Grey line: lowest to highest boot." };
        svg.paragraph("small", 17.0, &what);
        svg.paragraph("small", 17.0, boots);
        svg.paragraph("small", 17.0, "Dashed line: median between two changes.");
        let start = if axis.has_zero() { "" } else { ", not from zero" };
        svg.paragraph("small", 17.0, &format!("Upwards: {}{start}.", self.by.name()));
    }

    /// The largest changes, by build, and how many others there are.
    fn drawn(&self) -> (Vec<Change>, usize) {
        let mut inside: Vec<Change> = self.changes.iter().filter(|it| it.index < self.builds.len()).copied().collect();
        let size = |ratio: f64| if ratio.is_finite() && ratio > 0.0 { ratio.ln().abs() } else { f64::MAX };
        inside.sort_by(|a, b| size(b.ratio).total_cmp(&size(a.ratio)).then(a.index.cmp(&b.index)));
        let more = inside.len().saturating_sub(CHANGES);
        inside.truncate(CHANGES);
        inside.sort_by_key(|it| it.index);
        (inside, more)
    }

    fn words(&self, nth: usize, found: &Change) -> String {
        let build = &self.builds[found.index];
        let (before, after) = (self.level_before(found.index), self.level_from(found.index));
        let levels =
            before.zip(after).map(|(before, after)| format!(", {} to {}", self.by.short(before), self.by.short(after)));
        let label = one_line(&build.label, LABEL);
        format!("{}. {} at {label}{}", nth + 1, change(found.ratio), levels.unwrap_or_default())
    }

    /// `1: +12.3 %` at the border before each change.
    fn labels(&self, changes: &[Change]) -> Vec<(Label, String)> {
        let label = |(nth, found): (usize, &Change)| {
            let text = format!("{}: {}", nth + 1, change(found.ratio));
            let place = Label::along(self.border(found.index), self.border(found.index), &text);
            (place.shifted(if place.anchor == Anchor::Start { 5.0 } else { -5.0 }), text)
        };
        changes.iter().enumerate().map(label).collect()
    }

    /// Where builds begin a new level, with both ends.
    fn borders(&self) -> Vec<usize> {
        let inside = self.changes.iter().map(|it| it.index).filter(|index| *index < self.builds.len());
        let mut borders: Vec<usize> = inside.chain([0, self.builds.len()]).collect();
        borders.sort_unstable();
        borders.dedup();
        borders
    }

    fn level_from(&self, index: usize) -> Option<u64> {
        let end = self.borders().into_iter().find(|border| *border > index)?;
        median(self.builds[index..end].iter().map(|build| build.median).collect())
    }

    fn level_before(&self, index: usize) -> Option<u64> {
        let start = self.borders().into_iter().rev().find(|border| *border < index)?;
        self.level_from(start)
    }

    fn x(&self, place: f64) -> f64 {
        let steps = (self.builds.len() - 1) as f64;
        if steps == 0.0 { (PLOT.0 + PLOT.1) / 2.0 } else { PLOT.0 + (PLOT.1 - PLOT.0) * place / steps }
    }

    /// Between a build and the one before it.
    fn border(&self, index: usize) -> f64 {
        self.x((index as f64 - 0.5).max(0.0)).clamp(LEFT, RIGHT)
    }

    fn has_points(&self) -> bool {
        self.builds.len() <= COLUMNS && self.builds.iter().map(|build| build.samples.len()).sum::<usize>() <= POINTS
    }

    /// None has builds from both sides of a change that is drawn.
    fn columns(&self, changes: &[Change]) -> Vec<Column> {
        let per = self.builds.len().div_ceil(COLUMNS).max(1);
        let mut starts: Vec<usize> = changes.iter().map(|it| it.index).chain([0]).collect();
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([self.builds.len()]);
        let mut columns = Vec::new();
        for (start, end) in starts.iter().copied().zip(ends) {
            for (nth, builds) in self.builds[start..end].chunks(per).enumerate() {
                let values = || builds.iter().flat_map(|build| build.samples.iter().copied().chain([build.median]));
                columns.push(Column {
                    x: self.x((start + nth * per) as f64 + (builds.len() - 1) as f64 / 2.0),
                    median: median(builds.iter().map(|build| build.median).collect()).unwrap_or(0),
                    low: values().min().unwrap_or(0),
                    high: values().max().unwrap_or(0),
                });
            }
        }
        columns
    }

    fn series(&self, svg: &mut Svg, columns: &[Column], axis: &Axis) {
        if self.has_points() {
            for (nth, build) in self.builds.iter().enumerate() {
                for value in &build.samples {
                    svg.point("speck", (self.x(nth as f64), axis.at(*value)), 1.8);
                }
            }
        } else {
            for column in columns.iter().filter(|column| column.high > column.low) {
                svg.line("range", (column.x, axis.at(column.low)), (column.x, axis.at(column.high)));
            }
        }
        for pair in columns.windows(2) {
            svg.line("path", (pair[0].x, axis.at(pair[0].median)), (pair[1].x, axis.at(pair[1].median)));
        }
        let radius = if columns.len() > 45 { 2.5 } else { 4.0 };
        for column in columns {
            svg.point("before", (column.x, axis.at(column.median)), radius);
        }
        let borders = self.borders();
        // More levels than columns are no levels that can be seen.
        for pair in borders.windows(2).filter(|_| borders.len() <= COLUMNS) {
            let Some(level) = self.level_from(pair[0]) else { continue };
            let (from, to) = (self.x(pair[0] as f64), self.x((pair[1] - 1) as f64));
            if to > from && borders.len() > 2 {
                svg.line("level", (from, axis.at(level)), (to, axis.at(level)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::parsed;
    use super::*;

    fn builds(count: usize, level: impl Fn(usize) -> u64) -> Vec<Build> {
        let build = |nth: usize| {
            let median = level(nth);
            Build {
                label: format!("4.0.{nth}"),
                median,
                samples: vec![median.saturating_sub(20_000), median, median.saturating_add(30_000)],
            }
        };
        (0..count).map(build).collect()
    }

    fn picture(builds: &[Build], changes: &[Change]) -> String {
        History { id: "history", by: By::Time, name: "azl4", builds, changes }.svg()
    }

    #[test]
    fn a_change_stands_before_its_build_and_is_said() {
        let builds = builds(20, |nth| if nth < 12 { 10_000_000 } else { 11_200_000 });
        let found = parsed(&picture(&builds, &[Change { index: 12, ratio: 1.12 }]));
        assert!(found.desc.contains("1. +12.0 % at 4.0.12, 10.0 s to 11.2 s"), "{}", found.desc);
        assert!(found.said().contains("1: +12.0 %"), "{}", found.said());
        let of = |class: &str| found.elements.iter().filter(|it| it.get("class") == Some(class)).collect::<Vec<_>>();
        assert_eq!((of("shift").len(), of("level").len(), of("before").len(), of("speck").len()), (1, 2, 20, 60 + 2));
        let (line, dots) = (of("shift")[0].percent("x1"), of("before"));
        assert!(dots[11].percent("cx") < line && line < dots[12].percent("cx"));
    }

    #[test]
    fn a_picture_of_few_builds_does_not_say_that_nothing_changed() {
        let said = |count: usize| parsed(&picture(&builds(count, |_| 10_000_000), &[])).said();
        for count in [1, 2, LEAST_BUILDS - 1] {
            assert!(said(count).contains("Too few builds to tell") && !said(count).contains("No change"), "{count}");
        }
        assert!(said(LEAST_BUILDS).contains("No change of the level was found."));
    }

    #[test]
    fn only_the_largest_changes_of_many_are_drawn() {
        let builds = builds(10_000, |nth| 10_000_000 + (nth as u64) * 100);
        let changes: Vec<Change> =
            (0..3_000).map(|nth| Change { index: nth * 3, ratio: 1.0 + nth as f64 / 1e4 }).collect();
        let text = picture(&builds, &changes);
        let found = parsed(&text);
        assert!(found.said().contains("2988 more changes are smaller and not drawn."), "{}", found.said());
        assert!(found.said().contains("median of up to 84 builds in a row"), "{}", found.said());
        assert!(text.len() < 60_000, "{}", text.len());
        assert_eq!(text, picture(&builds, &changes));
    }

    #[test]
    fn odd_inputs_give_a_picture_or_a_sentence() {
        assert!(parsed(&picture(&[], &[Change { index: 0, ratio: 1.0 }])).said().contains("azl4 has no build yet"));
        let odd = [
            Change { index: 0, ratio: f64::NAN },
            Change { index: 99, ratio: 2.0 },
            Change { index: 1, ratio: f64::INFINITY },
        ];
        for (count, level) in [(1, 10_000_000), (2, 0), (5, u64::MAX), (3, 10_000_000)] {
            for changes in [&[][..], &odd] {
                parsed(&picture(&builds(count, |_| level), changes));
            }
        }
        let hostile = Build { label: "<script>\u{202e}\u{1b}".repeat(1000), median: 5, samples: vec![] };
        let text = picture(&[hostile.clone(), hostile], &[Change { index: 1, ratio: 1.5 }]);
        parsed(&text);
        assert!(!text.contains("<script") && text.len() < 20_000, "{}", text.len());
    }
}

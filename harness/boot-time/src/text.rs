//! Measured boots and comparisons on one screen, for people.

use muster_base::text::{one_line, plural};
use muster_stats::samples::Samples;

use crate::by::By;
use crate::sample::{Cost, Measured, PhaseName, Population, Sample};
use crate::verdict::{BootVerdict, Decision, Grown};

/// Links of the critical chain that are shown; the others are in the file.
const LINKS: usize = 12;
/// Units that are named as what a difference comes from.
const UNITS: usize = 5;
/// Characters of a unit's name.
const NAME: usize = 48;

/// What the boots of one image took.
pub fn measured(measured: &Measured) -> String {
    let counted: Vec<&Sample> = measured.conclusive().collect();
    let series = &measured.series;
    let boots = match series.boots {
        Population::First => "first boot",
        Population::Later => "later boot",
        Population::Unseen => "unseen boot",
    };
    let machine = match series.boots {
        Population::Unseen => format!("{}, {}", series.host, series.machine),
        Population::First | Population::Later => {
            format!("{}, {}, QEMU {}", series.accelerator, series.machine, series.qemu)
        }
    };
    let (image, count) = (one_line(&series.image, 80), counted.len());
    let mut text = format!("{image}: {count} {boots}{} ({})\n", plural(count), one_line(&machine, 200));
    if series.accelerator == "tcg" {
        text.push_str("Timings are from emulation; do not compare them with hardware\n");
    }
    for sample in measured.samples.iter().filter(|sample| !sample.is_conclusive()) {
        let why = sample.inconclusive.as_deref().unwrap_or("its end was not seen");
        text.push_str(&format!("boot {} says nothing: {}\n", sample.number, one_line(why, 300)));
    }
    if counted.is_empty() {
        return text;
    }
    text.push_str(&format!(
        "\n  {:<18}{:>8}{:>9}{:>9}{:>14}{:>9}{:>9}\n",
        "", "time", "sd", "spread", "instructions", "sd", "spread"
    ));
    for name in PhaseName::ALL {
        text.push_str(&row(name.name(), &counted, |sample| sample.phase(name).map(|phase| phase.cost)));
    }
    text.push_str(&row("total", &counted, |sample| sample.total));
    for (mark, label) in [("sshd-answers", "until sshd answers"), ("default-target", "until the target")] {
        let cost =
            |sample: &Sample| sample.mark(mark).map(|mark| Cost { micros: mark.at, instructions: mark.instructions });
        text.push_str(&row(label, &counted, cost));
    }
    text.push_str(&critical_chain(&counted));
    for missing in &measured.not_measured {
        text.push_str(&format!("not measured: {}\n", one_line(missing, 300)));
    }
    text
}

/// Medians of a row, with standard deviation and (max - min) / median; nothing when not every boot has it.
fn row(label: &str, counted: &[&Sample], of: impl Fn(&Sample) -> Option<Cost>) -> String {
    let costs: Vec<Cost> = counted.iter().filter_map(|sample| of(sample)).collect();
    if costs.is_empty() {
        return String::new();
    }
    let column = |by: By, width: usize| {
        let values: Option<Vec<f64>> = costs.iter().map(|cost| by.of(cost).map(|value| value as f64)).collect();
        let samples = values.and_then(|values| Samples::new(values).ok());
        let Some(samples) = samples else { return format!("{:>width$}{:>9}{:>9}", "-", "-", "-") };
        let percent = |part: Option<f64>| part.map_or("-".to_owned(), |part| format!("{:.2} %", part * 100.0));
        let (sd, spread) = (percent(samples.variation()), percent(samples.spread()));
        format!("{:>width$}{sd:>9}{spread:>9}", by.short(samples.median().round() as u64))
    };
    let some =
        if costs.len() < counted.len() { format!("  in {} of {}", costs.len(), counted.len()) } else { String::new() };
    let label = format!("{label:<18}");
    format!("  {label}{}{}{some}\n", column(By::Time, 8), column(By::Instructions, 14))
}

fn critical_chain(counted: &[&Sample]) -> String {
    let mut by_total: Vec<&&Sample> = counted.iter().collect();
    by_total.sort_by_key(|sample| (sample.total.unwrap_or_default().micros, sample.number));
    let Some(median) = by_total.get((by_total.len().max(1) - 1) / 2).filter(|sample| !sample.chain.is_empty()) else {
        return String::new();
    };
    let mut text = format!("\nCritical chain of boot {}, last unit first, and what each added:\n", median.number);
    for link in median.chain.iter().take(LINKS) {
        let active = By::Time.short(link.active);
        let own = By::Time.short(link.own.micros);
        let instructions = link.own.instructions.map_or("-".to_owned(), |count| By::Instructions.short(count));
        text.push_str(&format!("  @{active:<8} +{own:<8} {instructions:>7}  {}\n", one_line(&link.unit, NAME)));
    }
    if let Some(more) = median.chain.len().checked_sub(LINKS).filter(|more| *more > 0) {
        text.push_str(&format!("  … {more} more in boot-time.json\n"));
    }
    text
}

/// What a comparison came to, the verdict first.
pub fn decision(decision: &Decision, baseline: &Measured, candidate: &Measured) -> String {
    let Decision { by, rule, comparison, .. } = decision;
    let (before, after) = comparison.n;
    let difference = comparison.ratio.map_or("no ratio".to_owned(), |ratio| {
        let more = if ratio >= 1.0 { "more" } else { "less" };
        format!("{:.2} % {more} {}", (ratio - 1.0).abs() * 100.0, by.name())
    });
    let verdict = match decision.verdict {
        BootVerdict::Regression => "REGRESSION",
        BootVerdict::Improvement => "IMPROVEMENT",
        BootVerdict::Undecided => "UNDECIDED",
        BootVerdict::NoChange => "NO CHANGE",
        BootVerdict::NotEnoughSamples { .. } => "NOT ENOUGH SAMPLES",
        BootVerdict::HostUnfit { .. } => "HOST UNFIT",
    };
    let mut text = format!("\n{verdict}: {difference} than {}\n", one_line(&baseline.series.image, 80));
    match decision.verdict {
        BootVerdict::NotEnoughSamples { needed } => text.push_str(&format!(
            "  {before} and {after} boots can never differ significantly; take {needed} on each side: --samples {needed}\n"
        )),
        BootVerdict::Undecided => text.push_str(&format!(
            "  this would be a regression, but the boots vary too much to say that it is no chance; take more: --samples {}, on a \
             host that is quiet; --floor says from which difference on it counts\n",
            before.max(after) * 2
        )),
        BootVerdict::HostUnfit { moved } => text.push_str(&format!(
            "  the same work took {:.1} % longer at one time than at another on this host; measure again when it is quiet, or \
             compare by instructions\n",
            moved * 100.0
        )),
        _ => {}
    }
    if let Some(interval) = comparison.interval {
        let percent = |ratio: f64| format!("{:+.2} %", (ratio - 1.0) * 100.0);
        text.push_str(&format!(
            "  95 % interval {} to {}, p = {:.4}, Cliff's delta {:+.2}, {before} against {after} boots\n",
            percent(interval.low),
            percent(interval.high),
            comparison.p,
            comparison.delta
        ));
    }
    text.push_str(&format!(
        "  a difference counts from p = {} (Mann-Whitney, exact where it can be) and {} % of the median on\n",
        rule.alpha(),
        rule.floor() * 100.0
    ));
    let total = |measured: &Measured| crate::verdict::median(measured, *by, |sample| sample.total);
    if let (Some(before), Some(after)) = (total(baseline), total(candidate)) {
        text.push_str(&format!("  {:<48} {:>9} -> {:>9}\n", "total", by.short(before), by.short(after)));
    }
    for grown in decision.phases.iter().filter(|grown| grown.before != grown.after) {
        text.push_str(&line(grown, *by));
    }
    if !decision.units.is_empty() {
        text.push_str("Units on the critical chain, those that changed most first:\n");
        decision.units.iter().take(UNITS).for_each(|grown| text.push_str(&line(grown, *by)));
    }
    text
}

fn line(grown: &Grown, by: By) -> String {
    let difference = grown.difference();
    let sign = if difference < 0 { '-' } else { '+' };
    let size = u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX);
    format!(
        "  {:<48} {:>9} -> {:>9}  {sign}{}\n",
        one_line(&grown.name, NAME),
        by.short(grown.before),
        by.short(grown.after),
        by.short(size)
    )
}

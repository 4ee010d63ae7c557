//! `matrix:`: dimensions with values become combinations. Pure counting and naming; what a
//! combination means for a machine is typed here and brought about elsewhere.

use super::super::diagnostic::{codes, did_you_mean};
use super::super::keys::{MATRIX, MOST_EXCLUDED};
use super::super::model::{Condition, MachineOverrides, Operator};
use super::super::value::{self, ValueError};
use super::super::yaml::{self, Node};
use super::context::Context;
use super::context::substitution::is_var;
use super::kernel;
use super::name_part::word;

/// Most combinations of one matrix, those that are left out included.
const MOST_CELLS: usize = 256;

/// Most dimensions of one matrix: their values are all in the names of tests.
const MOST_DIMENSIONS: usize = 16;

/// One combination.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    /// Names and values, in the order of the file.
    pub(super) values: Vec<(String, String)>,
    /// What the values ask of the machine.
    pub(super) overrides: MachineOverrides,
    /// Images on which the combination is left out.
    pub(super) not_on: Vec<String>,
}

impl Cell {
    /// What is known of every system the combination runs on.
    pub(super) fn facts(&self) -> Option<Condition> {
        let fact = |dimension: &str, operator, values: Vec<String>| Condition::Compare {
            dimension: dimension.to_owned(),
            operator,
            values,
        };
        let mut all = Vec::new();
        if let Some(image) = &self.overrides.image {
            all.push(fact("image", Operator::Eq, vec![image.clone()]));
        }
        if let Some(firmware) = self.overrides.firmware {
            all.push(fact("firmware", Operator::Eq, vec![firmware.interface().to_owned()]));
        }
        if !self.not_on.is_empty() {
            all.push(fact("image", Operator::Ne, self.not_on.clone()));
        }
        if all.len() < 2 { all.pop() } else { Some(Condition::And(all)) }
    }

    /// The part of [`Cell::facts`] that a run must hold an image against: the shape of its machine
    /// follows from what was stated.
    pub(super) fn images(&self) -> Option<Condition> {
        let images = Cell { overrides: MachineOverrides { firmware: None, ..self.overrides.clone() }, ..self.clone() };
        images.facts()
    }
}

/// A dimension and its values, each with what it asks of the machine.
struct Dimension {
    name: String,
    values: Vec<(String, MachineOverrides)>,
}

/// The combinations of a matrix; one without values when it has none, or is wrong.
pub(super) fn cells(cx: &mut Context<'_>, node: &Node, is_used: impl Fn(&str) -> bool) -> Vec<Cell> {
    let before = vec![Cell::default()];
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`matrix`", "a mapping from dimensions to lists of values");
        cx.report(problem);
        return before;
    };
    if entries.len() > MOST_DIMENSIONS + 1 {
        let message = format!("the matrix has more than {MOST_DIMENSIONS} dimensions");
        let problem = cx.problem(codes::TOO_MANY, node.span, message);
        cx.report(problem);
        let names = entries.iter().filter_map(|(key, _)| key.scalar());
        cx.broken_vars.extend(names.map(|name| format!("matrix.{name}")));
        return before;
    }
    let mut dimensions = Vec::new();
    let mut complete = true;
    for (key, value) in entries.iter().filter(|(key, _)| key.scalar() != Some("exclude")) {
        match dimension(cx, key, value, &is_used) {
            Some(dimension) => dimensions.push(dimension),
            None => complete = false,
        }
        cx.broken_vars.insert(format!("matrix.{}", key.scalar().unwrap_or_default()));
    }
    if dimensions.is_empty() && complete {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`matrix` has no dimension");
        cx.report(problem.note(format!("for machines: {}", MATRIX.names().join(", "))));
    }
    let count = dimensions.iter().try_fold(1usize, |count, dimension| count.checked_mul(dimension.values.len()));
    if count.is_none_or(|count| count > MOST_CELLS) {
        let message = format!("the matrix has more than {MOST_CELLS} combinations");
        let problem = cx.problem(codes::TOO_MANY, node.span, message);
        cx.report(problem.help("split it into several suites"));
        return before;
    }
    if !complete {
        return before;
    }
    let mut cells = product(&dimensions);
    if let Some(exclude) = node.get("exclude") {
        self::exclude(cx, exclude, &dimensions, &mut cells);
    }
    if cells.is_empty() {
        let span = node.get("exclude").map_or(node.span, |exclude| exclude.span);
        let problem = cx.problem(codes::NO_EFFECT, span, "`exclude` leaves no combination of the matrix");
        cx.report(problem);
        return before;
    }
    cells
}

fn product(dimensions: &[Dimension]) -> Vec<Cell> {
    let mut cells = vec![Cell::default()];
    for dimension in dimensions {
        let longer = |cell: &Cell| {
            let with = |(value, overrides): &(String, MachineOverrides)| {
                let mut cell = cell.clone();
                cell.values.push((dimension.name.clone(), value.clone()));
                cell.overrides = merge(&cell.overrides, overrides);
                cell
            };
            dimension.values.iter().map(with).collect::<Vec<_>>()
        };
        cells = cells.iter().flat_map(longer).collect();
    }
    cells
}

/// Both wishes: they are of different dimensions.
fn merge(a: &MachineOverrides, b: &MachineOverrides) -> MachineOverrides {
    MachineOverrides {
        image: b.image.clone().or_else(|| a.image.clone()),
        cpu: b.cpu.clone().or_else(|| a.cpu.clone()),
        firmware: b.firmware.or(a.firmware),
        tpm: b.tpm.or(a.tpm),
        bus: b.bus.or(a.bus),
        memory: b.memory.or(a.memory),
        cpus: b.cpus.or(a.cpus),
        kernel: b.kernel.clone().or_else(|| a.kernel.clone()),
    }
}

fn dimension(cx: &mut Context<'_>, key: &Node, node: &Node, is_used: &impl Fn(&str) -> bool) -> Option<Dimension> {
    let name = key.scalar().unwrap_or_default();
    if !is_var(name) {
        let shown = muster_base::text::one_line(name, 60);
        let problem = cx
            .problem(codes::BAD_ID, key.span, format!("`{shown}` cannot be the name of a dimension"))
            .note("names of dimensions are lower-case letters, digits, `_` and `-`, and begin with a letter");
        cx.report(problem);
        return None;
    }
    if MATRIX.get(name).is_none() && !is_used(&format!("matrix.{name}")) {
        let mut problem = cx
            .problem(codes::UNUSED_VAR, key.span, format!("the dimension `{name}` shapes no machine and is never used"))
            .note(format!("machines are shaped by: {}", MATRIX.names().join(", ")))
            .help(format!("remove it, or write `${{matrix.{name}}}` where it belongs"));
        if let Some(near) = did_you_mean(name, MATRIX.names()) {
            problem = problem.label(format!("did you mean `{near}`?"));
        }
        cx.report(problem);
    }
    let mut out = Dimension { name: name.to_owned(), values: Vec::new() };
    let mut complete = true;
    let items = cx.items(node, name)?;
    if items.len() > MOST_CELLS {
        let problem = cx.problem(codes::TOO_MANY, node.span, format!("`{name}` has more than {MOST_CELLS} values"));
        cx.report(problem);
        return None;
    }
    for item in items {
        let Some((word, overrides)) = value(cx, name, item) else {
            complete = false;
            continue;
        };
        // By meaning, not by spelling: `1 GiB` and `1024 MiB` make the same machine twice.
        let same = |(known, wanted): &&(String, MachineOverrides)| {
            *known == word || (*wanted == overrides && overrides != MachineOverrides::default())
        };
        if let Some((first, _)) = out.values.iter().find(same) {
            let message = format!("`{name}` has the value `{first}` already");
            let problem = cx.problem(codes::DUPLICATE_ID, item.span, message);
            cx.report(problem);
            complete = false;
            continue;
        }
        out.values.push((word, overrides));
    }
    complete.then_some(out)
}

/// A value as it stands in the names of tests, and what it asks of the machine.
fn value(cx: &mut Context<'_>, name: &str, node: &Node) -> Option<(String, MachineOverrides)> {
    let mut overrides = MachineOverrides::default();
    if name == "kernel" {
        let kernel = kernel::kernel(cx, node)?;
        let word = kernel.name().to_owned();
        overrides.kernel = Some(kernel);
        return Some((word, overrides));
    }
    let plain = cx.line(node, name)?;
    match name {
        "cpu" => overrides.cpu = Some(cx.parsed(node, name, cpu)?),
        "firmware" => overrides.firmware = Some(cx.choice(node, name)?),
        "bus" => overrides.bus = Some(cx.choice(node, name)?),
        "tpm" => overrides.tpm = Some(cx.parsed(node, name, value::boolean)?),
        "memory" => overrides.memory = Some(cx.parsed(node, name, memory)?),
        "cpus" => overrides.cpus = Some(cx.parsed(node, name, cpus)?),
        "image" => {
            let id = cx.id(node, name)?;
            overrides.image = Some(id.text);
        }
        _ => {
            cx.parsed(node, name, word)?;
        }
    }
    Some((plain.text.split_whitespace().collect(), overrides))
}

/// The name of a CPU: a level, or a model of QEMU.
fn cpu(text: &str) -> Result<String, ValueError> {
    const LEVELS: &[&str] = &["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"];
    let shown = || muster_base::text::one_line(text, 60);
    let like_a_level = text.to_ascii_lowercase().starts_with("x86");
    if LEVELS.contains(&text) {
        return Ok(text.to_owned());
    }
    if like_a_level {
        let message = format!("`{}` is not an x86 level: {}", shown(), LEVELS.join(", "));
        return Err(match did_you_mean(text, LEVELS.iter().copied()) {
            Some(near) => ValueError::Mistaken { message, suggestion: near.to_owned() },
            None => ValueError::Invalid(message),
        });
    }
    let fine = text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fine {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Invalid(format!("`{}` is not an x86 level, `host`, `max` or a CPU model of QEMU", shown())))
    }
}

fn memory(text: &str) -> Result<u64, ValueError> {
    match value::memory(text)? {
        small if small < 64 << 20 => Err(ValueError::Invalid("no image boots in less than 64 MiB".to_owned())),
        bytes => Ok(bytes),
    }
}

fn cpus(text: &str) -> Result<u32, ValueError> {
    match value::integer(text)? {
        count @ 1..=255 => Ok(count as u32),
        _ => Err(ValueError::Invalid("a machine has 1 to 255 processors".to_owned())),
    }
}

/// Removes combinations, or keeps them from an image. An entry that removes nothing is an error.
fn exclude(cx: &mut Context<'_>, node: &Node, dimensions: &[Dimension], cells: &mut Vec<Cell>) {
    let Some(items) = cx.items(node, "exclude") else { return };
    if items.len() > MOST_EXCLUDED {
        let message = format!("`exclude` has more than {MOST_EXCLUDED} entries");
        let problem = cx.problem(codes::TOO_MANY, node.span, message);
        cx.report(problem.help("split the matrix into several suites, or use `images: {where: …}`"));
        return;
    }
    for item in items {
        let Some((values, image)) = excluded(cx, item, dimensions) else { continue };
        let meant = |cell: &Cell| values.iter().all(|value| cell.values.contains(value));
        let mut changed = false;
        match image {
            None => {
                let before = cells.len();
                cells.retain(|cell| !meant(cell));
                changed = cells.len() < before;
            }
            Some(image) => {
                for cell in cells.iter_mut().filter(|cell| meant(cell)) {
                    if !cell.not_on.contains(&image) {
                        cell.not_on.push(image.clone());
                        changed = true;
                    }
                }
            }
        }
        if !changed {
            let message = "this excludes nothing that is not excluded already";
            let problem = cx.problem(codes::NO_EFFECT, item.span, message);
            cx.report(problem);
        }
    }
}

/// The values an entry names, and the image when that is not a dimension of the matrix.
#[allow(clippy::type_complexity)]
fn excluded(
    cx: &mut Context<'_>,
    node: &Node,
    dimensions: &[Dimension],
) -> Option<(Vec<(String, String)>, Option<String>)> {
    let entries = match &node.kind {
        yaml::NodeKind::Mapping(entries) if !entries.is_empty() => entries,
        yaml::NodeKind::Mapping(_) => {
            let problem = cx.problem(codes::EMPTY_VALUE, node.span, "an entry of `exclude` names nothing");
            cx.report(problem);
            return None;
        }
        _ => {
            let problem = cx.wrong_shape(node, "an entry of `exclude`", "a mapping from dimensions to values");
            cx.report(problem);
            return None;
        }
    };
    let (mut values, mut image, mut complete) = (Vec::new(), None, true);
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        let Some(dimension) = dimensions.iter().find(|dimension| dimension.name == name) else {
            if name == "image" {
                image = cx.id(value, name).map(|text| text.text);
                complete &= image.is_some();
            } else {
                let mut known: Vec<&str> = dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
                known.push("image");
                cx.unknown_key(key, name, "an entry of `exclude`", &known);
                complete = false;
            }
            continue;
        };
        match one_of(cx, value, dimension) {
            Some(word) => values.push((name.to_owned(), word)),
            None => complete = false,
        }
    }
    if values.is_empty() && complete {
        let problem = cx.problem(codes::NO_EFFECT, node.span, "this leaves the whole suite out on an image");
        cx.report(problem.help("use `images: {where: image != …}` for that"));
        return None;
    }
    complete.then_some((values, image))
}

/// A value that the dimension has.
fn one_of(cx: &mut Context<'_>, node: &Node, dimension: &Dimension) -> Option<String> {
    let text = cx.line(node, &dimension.name)?;
    let word: String = text.text.split_whitespace().collect();
    let known: Vec<&str> = dimension.values.iter().map(|(value, _)| value.as_str()).collect();
    if known.contains(&word.as_str()) {
        return Some(word);
    }
    let shown = muster_base::text::one_line(&text.text, 60);
    let mut problem = cx
        .problem(codes::BAD_VALUE, text.span, format!("the matrix has no `{}` that is `{shown}`", dimension.name))
        .note(format!("it has: {}", known.join(", ")));
    if let Some(near) = did_you_mean(&word, known.iter().copied()) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    cx.report(problem);
    None
}

/// What sets a combination apart, as it stands behind the id of a test: `[cpu=x86-64-v3]`; empty
/// without values.
pub(super) fn suffix(values: &[(String, String)]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("[{}]", pairs.join(","))
}

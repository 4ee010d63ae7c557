//! `muster kconfig diff`: what became of each symbol from one configuration to another.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::format::{Format, cell};
use super::source::{About, required};
use crate::error::CliError;
use crate::output::say;
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_check::kernel_config_diff::{Change, Difference, SymbolState, Transition, difference};
use muster_facts::sources::volatile::KCONFIGS;

/// The schema of what `diff --format json` prints.
pub(crate) const SCHEMA: &str = include_str!("../../../../reports/schema/kconfig-diff-v1.json");

/// Sort the differences of two configurations by how each symbol changed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Symbols that only name the build (compiler, assembler, linker, salt) are counted and not listed.\n\
Exit codes: 0 no difference · 1 differences · 2 a file that cannot be read, or nothing but differences that a \
fragment leaves open\nExample: muster kconfig diff fedora.config azurelinux.config --only 'y->n' --only m:absent"
)]
pub(super) struct Arguments {
    /// The configuration that is compared with; plain or packed by gzip, xz, zstd or bzip2; `-` is stdin
    #[arg(value_name = "BEFORE")]
    before: Utf8PathBuf,
    /// The configuration that is compared
    #[arg(value_name = "AFTER")]
    after: Utf8PathBuf,
    /// Only symbols that changed in this way: 'y->n', m:absent, value:value; may be repeated
    #[arg(long, value_name = "FROM->TO", value_parser = Transition::parse)]
    only: Vec<Transition>,
    /// Print the numbers and not the symbols
    #[arg(long)]
    counts: bool,
    /// How differences are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    before: About,
    after: About,
    only: Vec<String>,
    changed: usize,
    transitions: Vec<TransitionRow>,
    noise: Vec<ChangeRow>,
}

#[derive(Debug, Serialize)]
struct TransitionRow {
    from: &'static str,
    to: &'static str,
    /// Without those of the build.
    count: usize,
    /// Those of the build.
    noise: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols: Option<Vec<ChangeRow>>,
}

#[derive(Debug, Serialize)]
struct ChangeRow {
    symbol: String,
    before: String,
    after: String,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    if arguments.before == "-" && arguments.after == "-" {
        return Err(CliError::invalid("both files are `-`, and stdin can be read once"));
    }
    let (before, after) = (required(&arguments.before)?, required(&arguments.after)?);
    let whole = difference(&before.config, &after.config, KCONFIGS);
    let exit = exit(&whole, &arguments.only);
    let document = Document::new(
        [before.about(), after.about()],
        &restricted(whole, &arguments.only),
        &arguments.only,
        arguments.counts,
    );
    say(match arguments.format {
        Format::Text => document.text(),
        Format::Markdown => document.markdown(),
        Format::Json => serde_json::to_string_pretty(&document).unwrap_or_default(),
    }
    .trim_end());
    Ok(exit)
}

fn restricted(difference: Difference, only: &[Transition]) -> Difference {
    let kept = |part: BTreeMap<Transition, Vec<Change>>| {
        part.into_iter().filter(|(transition, _)| only.is_empty() || only.contains(transition)).collect()
    };
    Difference { changes: kept(difference.changes), noise: kept(difference.noise) }
}

/// What a fragment leaves open is no difference, and no agreement either.
fn exit(whole: &Difference, only: &[Transition]) -> Exit {
    let wanted = |transition: &Transition| only.is_empty() || only.contains(transition);
    let certain = |transition: &&Transition| wanted(transition) && !transition.is_unknown();
    let open = |transition: &Transition| {
        transition.is_unknown() && (only.is_empty() || only.iter().any(|other| transition.may_be(*other)))
    };
    match () {
        () if whole.changes.keys().any(|transition| certain(&transition)) => Exit::Failed,
        () if whole.changes.keys().any(open) => Exit::Invalid,
        () => Exit::Pass,
    }
}

impl Document {
    fn new([before, after]: [About; 2], difference: &Difference, only: &[Transition], counts: bool) -> Self {
        let rows = |changes: &[Change]| changes.iter().map(ChangeRow::new).collect::<Vec<_>>();
        let mut transitions: Vec<TransitionRow> = Vec::new();
        for from in SymbolState::ALL {
            for to in SymbolState::ALL {
                let transition = Transition { from, to };
                let changes = difference.changes.get(&transition).map_or(&[][..], Vec::as_slice);
                let noise = difference.noise.get(&transition).map_or(0, Vec::len);
                if changes.len() + noise > 0 {
                    transitions.push(TransitionRow {
                        from: from.name(),
                        to: to.name(),
                        count: changes.len(),
                        noise,
                        symbols: (!counts).then(|| rows(changes)),
                    });
                }
            }
        }
        transitions.sort_by_key(|row| std::cmp::Reverse(row.count));
        Self {
            schema: "kconfig-diff/v1",
            before,
            after,
            only: only.iter().map(ToString::to_string).collect(),
            changed: transitions.iter().map(|row| row.count).sum(),
            transitions,
            noise: difference.noise.values().flat_map(|changes| rows(changes)).collect(),
        }
    }

    fn noise_line(&self) -> String {
        let names: Vec<&str> = self.noise.iter().map(|change| change.symbol.as_str()).collect();
        format!("{} only name the build: {}", names.len(), names.join(", "))
    }

    fn text(&self) -> String {
        let mut out = format!("before  {}\nafter   {}\n", self.before.line(), self.after.line());
        if self.transitions.is_empty() {
            out.push_str("no difference\n");
        }
        let width = self.transitions.iter().map(|row| row.name().chars().count()).max().unwrap_or_default();
        for row in &self.transitions {
            let noise = if row.noise > 0 { format!(" and {} of the build", row.noise) } else { String::new() };
            let _ = writeln!(out, "  {:width$}  {}{noise}", row.name(), row.count);
        }
        let _ = writeln!(out, "{} symbols changed", self.changed);
        if !self.noise.is_empty() {
            let _ = writeln!(out, "{}", self.noise_line());
        }
        for row in &self.transitions {
            let Some(symbols) = row.symbols.as_ref().filter(|symbols| !symbols.is_empty()) else { continue };
            let _ = writeln!(out, "\n{} ({})", row.name(), row.count);
            for change in symbols {
                let _ = if row.has_values() {
                    writeln!(out, "  {}  {} -> {}", change.symbol, shown(&change.before), shown(&change.after))
                } else {
                    writeln!(out, "  {}", change.symbol)
                };
            }
        }
        out
    }

    fn markdown(&self) -> String {
        let mut out = format!("- before: {}\n- after: {}\n", cell(&self.before.line()), cell(&self.after.line()));
        out.push_str("\n| change | symbols | of the build |\n|---|---:|---:|\n");
        for row in &self.transitions {
            let _ = writeln!(out, "| {} | {} | {} |", row.name(), row.count, row.noise);
        }
        for row in &self.transitions {
            let Some(symbols) = row.symbols.as_ref().filter(|symbols| !symbols.is_empty()) else { continue };
            let _ = write!(
                out,
                "\n<details><summary>{} ({})</summary>\n\n| symbol | before | after |\n|---|---|---|\n",
                row.name(),
                row.count
            );
            for change in symbols {
                let cells = [&change.symbol, &change.before, &change.after].map(|text| cell(text));
                let _ = writeln!(out, "| {} |", cells.join(" | "));
            }
            out.push_str("\n</details>\n");
        }
        if !self.noise.is_empty() {
            let _ = writeln!(out, "\n{}", cell(&self.noise_line()));
        }
        out
    }
}

impl TransitionRow {
    fn name(&self) -> String {
        format!("{} → {}", self.from, self.to)
    }

    fn has_values(&self) -> bool {
        self.from == "value" || self.to == "value"
    }
}

impl ChangeRow {
    fn new(change: &Change) -> Self {
        Self {
            symbol: format!("CONFIG_{}", one_line(&change.symbol, 100)),
            before: one_line(&change.before, 200),
            after: one_line(&change.after, 200),
        }
    }
}

/// An empty text must be seen.
fn shown(word: &str) -> &str {
    if word.is_empty() { "\"\"" } else { word }
}

#[cfg(test)]
mod tests {
    use super::super::source::ConfigFile;
    use super::super::testing::errors;
    use super::*;

    fn source(symbols: &str) -> ConfigFile {
        let text = format!("# Linux/x86_64 6.18.5 Kernel Configuration\n{symbols}# end of Kernel hacking\n");
        ConfigFile::parse("x.config", &text, None, None).unwrap()
    }

    fn only(words: &[&str]) -> Vec<Transition> {
        words.iter().map(|word| Transition::parse(word).unwrap()).collect()
    }

    fn document(before: &ConfigFile, after: &ConfigFile, only: &[Transition]) -> Document {
        let whole = difference(&before.config, &after.config, KCONFIGS);
        Document::new([before.about(), after.about()], &restricted(whole, only), only, false)
    }

    const BEFORE: &str =
        "CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=m\nCONFIG_HZ=1000\nCONFIG_LSM=\"a|b\"\nCONFIG_GCC_VERSION=1\n";
    const AFTER: &str = "# CONFIG_A is not set\nCONFIG_HZ=100\nCONFIG_LSM=\"\"\nCONFIG_GCC_VERSION=2\n";

    #[test]
    fn the_largest_change_comes_first_and_the_build_is_counted_apart() {
        let document = document(&source(BEFORE), &source(AFTER), &[]);
        let text = document.text();
        assert!(text.contains("  m → absent     2\n  value → value  2 and 1 of the build\n  y → n          1\n5 symbols changed\n1 only name the build: CONFIG_GCC_VERSION\n"), "{text}");
        assert!(text.contains("\nvalue → value (2)\n  CONFIG_HZ  1000 -> 100\n  CONFIG_LSM  a|b -> \"\"\n"), "{text}");
        let markdown = document.markdown();
        assert!(markdown.contains("| CONFIG\\_LSM | a\\|b |  |\n"), "{markdown}");
        assert_eq!(errors(SCHEMA, &document), Vec::<String>::new());
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!((json["changed"].as_u64(), json["transitions"][1]["noise"].as_u64()), (Some(5), Some(1)));
    }

    #[test]
    fn only_restricts_what_is_reported_and_what_the_exit_code_says() {
        let (before, after) = (source(BEFORE), source(AFTER));
        let document = document(&before, &after, &only(&["y:n"]));
        assert_eq!((document.changed, document.transitions.len(), document.noise.len()), (1, 1, 0));
        let whole = difference(&before.config, &after.config, KCONFIGS);
        let code = |words: &[&str]| exit(&whole, &only(words)) as u8;
        assert_eq!((code(&[]), code(&["y->n"]), code(&["n->y"])), (1, 1, 0));
        let same = difference(&before.config, &source(&BEFORE.replace("VERSION=1", "VERSION=3")).config, KCONFIGS);
        assert_eq!(exit(&same, &[]) as u8, 0, "another compiler alone is no difference");
    }

    #[test]
    fn what_a_fragment_leaves_open_is_neither_the_same_nor_different() {
        let fragment = ConfigFile::parse("f", "CONFIG_A=y\n", None, None).unwrap();
        let whole = difference(&source("CONFIG_A=y\nCONFIG_B=m\n").config, &fragment.config, KCONFIGS);
        let code = |words: &[&str]| exit(&whole, &only(words)) as u8;
        assert_eq!((code(&[]), code(&["m->absent"]), code(&["y->n"])), (2, 2, 0));
    }
}

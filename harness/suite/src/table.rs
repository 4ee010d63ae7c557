//! Attribute tables: what a check type can be asked. The decoder, the JSON Schema and the reference
//! page are all made from them, so that they cannot disagree.

use super::grammar::Grammar;

/// One check type.
#[derive(Debug)]
pub struct CheckTable {
    /// The key under `expect:`.
    pub name: &'static str,
    /// One sentence for the reference page.
    pub summary: &'static str,
    /// What the keys below the type name are.
    pub subject: Subject,
    /// What a value means that is not a mapping of attributes.
    pub shorthand: Shorthand,
    /// The attributes that say something of a subject that is not there: what states its absence, first.
    /// Of every other one only `absent` is met then.
    pub gone: &'static [&'static str],
    /// The attributes, in the order of the documentation.
    pub attributes: &'static [Attribute],
    /// What is read in the guest, in words: commands and files.
    pub reads: &'static str,
    /// A complete example for the reference page, as it stands below `expect:`.
    pub example: &'static str,
}

/// What the keys below a check type are.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// The system has one of it: `kernel: {release: …}`.
    Whole,
    /// Named things: `package: {nginx: …}`. A key is read by the grammar; one that does not fit is an error.
    Named(&'static Grammar),
}

/// What a value means that is not a mapping of attributes.
#[derive(Debug, Clone, Copy)]
pub enum Shorthand {
    /// There is none: only a mapping is accepted.
    None,
    /// The value (scalar, or a mapping of matchers) is for this attribute: `sysctl: {a.b: 1}`.
    Attribute(&'static str),
    /// Only these words, each meaning an attribute and the value it must have:
    /// `package: {nginx: absent}` is `installed: false`.
    Keywords(&'static [(&'static str, &'static str, &'static str)]),
}

/// One attribute of a check type.
#[derive(Debug)]
pub struct Attribute {
    /// The key.
    pub name: &'static str,
    /// How its value is read and which matchers it takes.
    pub kind: AttributeKind,
    /// One sentence for the reference page, units included.
    pub doc: &'static str,
}

/// The type of an attribute's value: how scalars are read from their source text, and which
/// matchers apply.
#[derive(Debug, Clone, Copy)]
pub enum AttributeKind {
    /// One line of text. Equality, and the text matchers.
    Text,
    /// One of these words.
    Keyword(&'static [&'static str]),
    /// One of these words, lowest first (`x86-64-v1`, `x86-64-v2`). Operators compare their places.
    Level(&'static [&'static str]),
    /// `true` or `false`, nothing else.
    Bool,
    /// A whole number that counts or names something: 0 to 4294967295, decimal or 0x. Operators.
    Integer,
    /// A whole number between these, both included, decimal or 0x. Operators.
    Ranged(i64, i64),
    /// A decimal number, never negative. Operators.
    Number,
    /// A decimal number from 0 to this. Operators.
    Share(u32),
    /// Bytes, always with a unit (`80 MiB`). Operators.
    Size,
    /// A duration, always with a unit (`14s`, `1m 30s`, `200ms`). Operators.
    Duration,
    /// A quoted octal mode (`"0644"`).
    Mode,
    /// An RPM epoch:version-release. Operators compare as rpm does.
    Evr,
    /// A dotted version such as a kernel release: operators compare numerically field by field.
    Version,
    /// Text that is compared as an integer when both sides are integers (sysctl values, kernel
    /// configuration values). Equality, operators on integers, text matchers.
    Loose,
    /// A name of the grammar. Equality reads it so; the text matchers take any text.
    Name(&'static Grammar),
    /// An unordered set of names of the grammar: `has`, `lacks`, `only`, `count`, `empty`, `none`.
    Set(&'static Grammar),
    /// An ordered list of names of the grammar: as a set, and equality with a comma-separated text.
    List(&'static Grammar),
    /// Many lines of output: text matchers, `line`, `empty`, `json`.
    Output,
    /// A mapping from names of the grammar to values of the inner kind: `units: {a.service: "<= 3s"}`.
    Map(&'static Grammar, &'static AttributeKind),
    /// A figure that every boot of a machine has: a value of the inner kind, which is the median, or
    /// a mapping from [`STATISTICS`] to values: `total: {median: "<= 14s", p95: "<= 20s"}`. The
    /// assertion's key is the statistic.
    Samples(&'static AttributeKind),
    /// How much more boots take than those of a file, in per cent: a mapping of [`BASELINE`](super::keys::BASELINE). The assertion's
    /// key is a [`Baseline`](super::baseline::Baseline), its matcher one bound.
    Baseline,
}

/// What can be asked of samples, each with what it means. Of one sample all are the same.
pub const STATISTICS: &[(&str, &str)] = &[
    ("median", "half of the samples are not above it"),
    ("p95", "19 of 20 samples are not above it"),
    ("min", "the smallest sample"),
    ("max", "the largest sample"),
];

impl CheckTable {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

//! What is called always true or impossible is compared with what the matcher says of values; and every
//! attribute of every check type refuses the tautologies of its kind.

use crate::matching::{Miss, compare};
use crate::observed::Value;
use crate::unreadable::Read;
use muster_suite::Vocabulary;
pub(crate) use muster_suite::matcher::truth::{Truth, tautology, truth};
use muster_suite::model::{Matcher, Operator};
use muster_suite::table::{AttributeKind, CheckTable, Shorthand, Subject};

/// Tautologies of a kind, as they stand behind a key.
fn tautologies(kind: &AttributeKind) -> Vec<String> {
    let words = |words: &[&str]| {
        let all = words.join(", ");
        vec![format!("{{any-of: [{all}]}}"), format!("{{any-of: [{0}, {{not: {0}}}]}}", words[0])]
    };
    let ordered = |value: &str| {
        vec![
            format!("{{any-of: ['< {value}', '>= {value}']}}"),
            format!("{{any-of: ['<= {value}', '> {value}']}}"),
            format!("{{any-of: ['{value}', {{not: '{value}'}}]}}"),
            format!("{{not: '< {value}, > {value}'}}"),
            format!("{{not: {{any-of: ['{value}', '!= {value}']}}}}"),
        ]
    };
    let with = |more: &[&str], value: &str| {
        let mut all = ordered(value);
        all.extend(more.iter().map(|more| format!("'{more}'")));
        all
    };
    match kind {
        // A bound of boots is `<` or `<=`, and they may take any number of times as long.
        AttributeKind::Bool | AttributeKind::Baseline => Vec::new(),
        AttributeKind::Keyword(all) | AttributeKind::Level(all) => words(all),
        AttributeKind::Integer => with(&[">= 0", "> -1", "< 99999999999", "!= -1", "<= 4294967295"], "5"),
        AttributeKind::Ranged(least, most) => {
            let more = [format!(">= {least}"), format!("<= {most}"), format!("> {}", i128::from(*least) - 1)];
            with(&more.each_ref().map(String::as_str), &(least / 2 + most / 2).to_string())
        }
        AttributeKind::Number => with(&[">= 0", "> -1"], "5.5"),
        AttributeKind::Share(most) => with(&[">= 0", &format!("<= {most}"), "< 100000"], "5.5"),
        AttributeKind::Size => with(&[">= 0 B", "< 9000000 TiB"], "5 MiB"),
        AttributeKind::Duration => with(&[">= 0s"], "5s"),
        AttributeKind::Mode => vec!["{any-of: ['0644', {not: '0644'}]}".into()],
        AttributeKind::Evr => ordered("1:2-3"),
        AttributeKind::Version => with(&[">= 0"], "6.18"),
        AttributeKind::Loose => {
            let mut all = ordered("5");
            all.truncate(3);
            all.extend(of_text("a"));
            all
        }
        AttributeKind::Text => of_text("a"),
        AttributeKind::Output => {
            let mut all = of_text("a");
            all.extend(["{count: '>= 0'}".into(), "{any-of: [{count: '< 5'}, {count: '>= 5'}]}".into()]);
            all
        }
        AttributeKind::Name(grammar) => {
            let mut all = of_text(&format!("'{}'", grammar.good[0].0));
            if grammar.is_closed() {
                all.push(format!("{{any-of: [{}]}}", grammar.words().join(", ")));
            }
            all
        }
        AttributeKind::Set(_) | AttributeKind::List(_) => {
            vec!["{count: '>= 0'}".into(), "{empty: false, count: '> -1'}".into()]
        }
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => tautologies(inner),
    }
}

fn of_text(value: &str) -> Vec<String> {
    let of = [
        "{any-of: [{contains: a}, {lacks: a}]}",
        "{any-of: [{contains: ab}, {lacks: a}, {contains: a}]}",
        "{not: {matches: '[^\\s\\S]'}}",
        "{not: {matches: 'a^b'}}",
        "{any-of: [{empty: true}, {empty: false}]}",
        "{any-of: [{matches: x}, {not: {matches: x}}]}",
    ];
    let value = format!("{{any-of: [{value}, {{not: {value}}}]}}");
    of.iter().map(|text| (*text).to_owned()).chain([value]).collect()
}

/// What is behind a key of a check type that has the attributes of a real one, whatever its subjects are.
fn errors(table: &CheckTable, key: &str, value: &str) -> Vec<&'static str> {
    let own: &'static CheckTable = Box::leak(Box::new(CheckTable {
        name: "own",
        summary: "The attributes of a check type.",
        subject: Subject::Whole,
        shorthand: Shorthand::None,
        gone: &[],
        attributes: table.attributes,
        reads: "",
        example: "",
    }));
    let tables = [own];
    let vocabulary = Vocabulary { tables: &tables, capabilities: &[], tools: &[] };
    let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect:\n    own:\n      {key}: {value}\n");
    muster_suite::decode_source("s.yaml", &text, &vocabulary).1.iter().map(|problem| problem.code).collect()
}

#[test]
fn every_attribute_of_every_check_type_refuses_what_always_holds() {
    let mut tried = 0;
    for table in crate::tables() {
        for attribute in table.attributes {
            for text in tautologies(&attribute.kind) {
                let text = match attribute.kind {
                    AttributeKind::Map(grammar, _) => {
                        let name = if grammar.is_free() { "x" } else { grammar.good[0].0 };
                        format!("{{'{name}': {text}}}")
                    }
                    _ => text,
                };
                let codes = errors(table, attribute.name, &text);
                // What is impossible under `not` is found before what that makes of the whole.
                let found = codes == ["tautology"] || codes == ["contradiction"];
                assert!(found, "{}.{}: {text} gives {codes:?}", table.name, attribute.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn to_say_that_there_is_a_value_is_no_tautology() {
    for table in crate::tables() {
        for attribute in table.attributes {
            let there = match attribute.kind {
                AttributeKind::Map(..) | AttributeKind::Bool | AttributeKind::Baseline => continue,
                AttributeKind::Output | AttributeKind::Set(_) | AttributeKind::List(_) => "{empty: false}",
                AttributeKind::Keyword(words) if words.contains(&"none") => continue,
                _ => "{not: none}",
            };
            assert_eq!(errors(table, attribute.name, there), Vec::<&str>::new(), "{}.{}", table.name, attribute.name);
        }
    }
}

struct Seeded(u64);

impl Seeded {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        let at = self.below(all.len());
        &all[at]
    }
}

/// A matcher of a kind, made of constants near which the sample values lie.
fn random(seed: &mut Seeded, kind: &AttributeKind, constants: &[&str], depth: usize) -> Matcher {
    let is_text = matches!(kind, AttributeKind::Text | AttributeKind::Output | AttributeKind::Loose);
    let is_set = matches!(kind, AttributeKind::Set(_) | AttributeKind::List(_));
    let one = |seed: &mut Seeded| vec![(*seed.of(constants)).to_owned()];
    let nested = |seed: &mut Seeded| (0..2 + seed.below(2)).map(|_| random(seed, kind, constants, depth - 1)).collect();
    match seed.below(if depth == 0 { 6 } else { 10 }) {
        6 | 7 if !is_set => Matcher::AnyOf(nested(seed)),
        8 if !is_set => Matcher::Not(Box::new(random(seed, kind, constants, depth - 1))),
        9 => Matcher::All(nested(seed)),
        _ if is_set => match seed.below(4) {
            0 => Matcher::Has(one(seed)),
            1 => Matcher::Lacks(one(seed)),
            2 => Matcher::Count(Box::new(random(seed, &AttributeKind::Integer, &["0", "1", "2"], 1))),
            _ => Matcher::Empty(seed.below(2) == 0),
        },
        0 | 1 if is_text => match seed.below(5) {
            0 => Matcher::Contains(one(seed)),
            1 => Matcher::Lacks(one(seed)),
            2 => Matcher::Matches(regex::Regex::new(seed.of::<&str>(&["a", "^", "a^", ".*", "^a$", "5"])).unwrap()),
            3 if matches!(kind, AttributeKind::Output) => {
                Matcher::Count(Box::new(random(seed, &AttributeKind::Integer, &["0", "1", "2"], 1)))
            }
            _ => Matcher::Empty(seed.below(2) == 0),
        },
        0..=3 if muster_suite::matcher::is_ordered(kind) => {
            let parts = (0..1 + seed.below(2)).map(|_| (*seed.of(Operator::ALL), (*seed.of(constants)).to_owned()));
            Matcher::Compare(parts.collect())
        }
        2 if matches!(kind, AttributeKind::Loose) => Matcher::Compare(vec![(*seed.of(Operator::ALL), "5".to_owned())]),
        _ if matches!(kind, AttributeKind::Keyword(_)) && seed.below(6) == 0 => Matcher::None,
        _ => Matcher::Equals((*seed.of(constants)).to_owned()),
    }
}

#[test]
fn nothing_is_called_always_true_or_impossible_that_is_not() {
    let texts = ["", "a", "ab", "b", "a\nb", "5", "x 5", "\n"];
    // The kind, what matchers state, and what is seen.
    let kinds: &[(AttributeKind, &[&str], &[&str])] = &[
        (AttributeKind::Keyword(&["a", "b", "c"]), &["a", "b", "c"], &["a", "b", "c"]),
        (AttributeKind::Level(&["a", "b", "c"]), &["a", "b", "c"], &["a", "b", "c"]),
        (AttributeKind::Ranged(0, 5), &["-1", "0", "2", "3", "5", "6"], &["0", "1", "2", "3", "4", "5"]),
        (AttributeKind::Integer, &["0", "1", "3", "0x5"], &["0", "1", "2", "3", "4", "5", "6", "4294967295"]),
        (AttributeKind::Share(10), &["0", "2.5", "10"], &["0", "1", "2.5", "2.6", "9.9", "10"]),
        (AttributeKind::Number, &["0", "2.5", "10"], &["0", "1", "2.5", "2.6", "9.9", "10", "1000"]),
        (AttributeKind::Size, &["0 B", "1 KiB", "1 MiB"], &["0 B", "5 B", "1024 B", "1025 B", "1 MiB", "2 MiB"]),
        (AttributeKind::Duration, &["0s", "1s", "1m"], &["0s", "200ms", "1s", "2s", "60s", "61s", "2h"]),
        (AttributeKind::Mode, &["0644", "0600"], &["0644", "600", "755"]),
        (
            AttributeKind::Version,
            &["0", "6", "6.18", "6.18.3", "6.18-rc1", "6.18-200"],
            &[
                "0",
                "5.9",
                "6",
                "6.0.1",
                "6.18",
                "6.18.3",
                "6.18.44-1",
                "6.18-rc1",
                "6.18-rc2",
                "6.18-200",
                "6.18-A",
                "6.19",
                "7",
            ],
        ),
        (
            AttributeKind::Evr,
            &["1.0", "1.0-1", "1:1.0", "1.0~rc1"],
            &[
                "0.9-1",
                "1.0~rc0-1",
                "1.0~rc1-1",
                "1.0-0",
                "1.0-1",
                "1.0-2",
                "1.0^git-1",
                "1.1-1",
                "1:0.9-1",
                "1:1.0-1",
                "2:1-1",
            ],
        ),
        (AttributeKind::Text, &["", "a", "ab", "b"], &["", "a", "ab", "b", "abc", "zzz", "5"]),
        (AttributeKind::Output, &["a", "ab", "b", "5"], &texts),
        (
            AttributeKind::Loose,
            &["a", "5", "0x6", "ab"],
            &["a", "ab", "b", "z a", "4", "5", "5.5", "6", "6.5", "7", "-1"],
        ),
    ];
    let mut seed = Seeded(0x2545_f491_4f6c_dd1d);
    let sets: Vec<Value> = [vec![], vec!["a"], vec!["b"], vec!["a", "b"], vec!["c", "d"], vec!["a", "b", "c", "d"]]
        .map(Value::items)
        .to_vec();
    let scalars = kinds.iter().map(|(kind, constants, values)| {
        (*kind, *constants, values.iter().map(|value| Value::text(*value)).collect::<Vec<_>>())
    });
    for (kind, constants, values) in
        scalars.chain([(AttributeKind::Set(&muster_suite::grammar::text::WORD), ["a", "b"].as_slice(), sets)])
    {
        let (mut always, mut never) = (0, 0);
        for _ in 0..3000 {
            let matcher = random(&mut seed, &kind, constants, 2);
            let found = truth(&kind, &matcher);
            assert_eq!(
                found == Truth::Always,
                tautology(&kind, &matcher).is_some_and(|what| what == matcher.to_string())
            );
            let held: Vec<Read<bool>> = values
                .iter()
                .map(|value| match compare(&matcher, &kind, value) {
                    Ok(()) => Ok(true),
                    Err(Miss::Missed { .. }) => Ok(false),
                    Err(Miss::Unreadable(why)) => Err(why),
                })
                .collect();
            let is = |wanted: bool| held.iter().all(|held| held.as_ref().is_ok_and(|held| *held == wanted));
            // A bound on what may be text speaks of numbers.
            let of_numbers = matches!(kind, AttributeKind::Loose);
            match found {
                Truth::Always => {
                    always += 1;
                    let all = held.iter().zip(&values).all(|(held, value)| {
                        held == &Ok(true)
                            || (of_numbers && matches!(value, Value::Text(text) if text.parse::<f64>().is_err()))
                    });
                    assert!(all, "{kind:?}: `{matcher}` is called always true: {held:?} of {values:?}");
                }
                Truth::Never => {
                    never += 1;
                    assert!(is(false), "{kind:?}: `{matcher}` is called impossible: {held:?} of {values:?}");
                }
                // Where the samples are all values that there are, the analysis says as much as they do.
                Truth::Sometimes if matches!(kind, AttributeKind::Ranged(..) | AttributeKind::Level(_)) => {
                    assert!(!is(true) && !is(false), "{kind:?}: `{matcher}` is not seen through: {held:?}");
                }
                Truth::Sometimes => {}
            }
        }
        assert!(always > 3 && never > 3, "{kind:?}: {always} always, {never} never: the cases are too tame");
    }
}

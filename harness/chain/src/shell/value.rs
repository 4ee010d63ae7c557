//! What words of shell text come to, as far as it is known without running anything.

use super::field::{Field, Value};
use super::syntax::{AndOr, Kind, List, Operator, Part, Word};
use super::walk::Run;

/// Stands in a text for what is not known. A shell word cannot hold it.
const UNKNOWN: char = '\0';
/// Stands where a value without quotes is split.
const SPLIT: char = '\u{1}';
/// Values that one word can have, when branches gave its variables different ones.
const ALTERNATIVES: usize = 16;
/// Words that braces make of one.
const BRACES: usize = 100;
/// Bytes of a value. A list of a thousand packages fits.
const LONGEST: usize = 64 << 10;

impl Run<'_, '_> {
    /// Expands words, in order.
    pub(super) fn expand_all(&mut self, words: &[Word]) -> Vec<Field> {
        words.iter().flat_map(|word| self.expand(word)).collect()
    }

    /// Expands a word to the arguments that it becomes: none, one or several.
    pub(super) fn expand(&mut self, word: &Word) -> Vec<Field> {
        self.fields(word, true)
    }

    /// Expands a word that is not split: the right side of an assignment, a pattern, the word of a `case`.
    pub(super) fn expand_one(&mut self, word: &Word) -> Field {
        let mut fields = self.fields(word, false);
        match fields.len() {
            0 => Field {
                text: String::new(),
                unknown: None,
                place: self.unit.origin.line(word.range.start),
                release: None,
            },
            1 => fields.remove(0),
            // Values of several branches.
            _ => Field { unknown: Some("it has several values".to_owned()), ..fields.remove(0) },
        }
    }

    /// The values that an assignment can give.
    pub(super) fn value(&mut self, word: &Word) -> Value {
        let fields = self.fields(word, false);
        match fields.as_slice() {
            [] => Value::Known(vec![String::new()]),
            [Field { release: Some(key), .. }] => Value::Release(key.clone()),
            all if all.iter().all(|field| field.unknown.is_none()) => {
                Value::Known(fields.into_iter().map(|field| field.text).collect())
            }
            _ => Value::Unknown,
        }
    }

    fn fields(&mut self, word: &Word, splits: bool) -> Vec<Field> {
        // The usual word stands in the file as it is.
        if let [Part::Literal { text, quoted, range: Some(range) }] = word.parts.as_slice()
            && !text.contains([UNKNOWN, SPLIT])
            && (*quoted || !splits || !has_braces(text))
        {
            let place = self.unit.origin.place(range.clone());
            return vec![Field { text: text.clone(), unknown: None, place, release: None }];
        }
        // `"${array[@]}"`
        if let [Part::Variable { name, otherwise: None, .. }] = word.parts.as_slice()
            && let Some(fields) = self.array(name)
        {
            let line = self.unit.origin.line(word.range.start);
            return fields.into_iter().map(|field| Field { place: line.clone(), ..field }).collect();
        }
        let mut made = Made::new();
        self.parts(&word.parts, splits, &mut made);
        // Words of a file stand there, where an edit is one.
        if let (Some(fields), [_]) = (made.listed.take(), word.parts.as_slice()) {
            return fields;
        }
        let line = self.unit.origin.line(word.range.start);
        let mut fields: Vec<Field> = Vec::new();
        for text in made.texts {
            let mut pieces: Vec<&str> = text.split(SPLIT).collect();
            // Blanks at both ends of a value that is split make no argument; quotes do.
            if !made.quoted || pieces.len() > 1 {
                pieces.retain(|piece| !piece.is_empty());
            }
            for piece in pieces {
                let spread = if splits && made.braces { braces(piece) } else { vec![piece.to_owned()] };
                for text in spread {
                    let unknown = match text.contains(UNKNOWN) {
                        true => Some(made.unknown.clone().unwrap_or_else(|| "it holds a NUL byte".to_owned())),
                        false => None,
                    };
                    let text = text.replace(UNKNOWN, "");
                    let release = made.release.clone();
                    if !fields.iter().any(|field| field.text == text && field.unknown == unknown) || made.single {
                        fields.push(Field { text, unknown, place: line.clone(), release });
                    }
                }
            }
        }
        fields
    }

    fn parts(&mut self, parts: &[Part], splits: bool, made: &mut Made) {
        for part in parts {
            match part {
                Part::Literal { text, quoted, .. } => {
                    made.quoted |= quoted;
                    made.braces |= !quoted && text.contains('{');
                    match text.contains(SPLIT) {
                        true => made.unknown("it holds a control character".to_owned()),
                        false => made.push(text),
                    }
                }
                Part::Variable { name, quoted, otherwise } => {
                    made.quoted |= quoted;
                    let values = self.variable(name, otherwise.as_ref(), made);
                    match values {
                        Some(values) => {
                            let split = |value: &String| match !quoted && splits {
                                true => value.replace([' ', '\t', '\n'], "\u{1}"),
                                false => value.clone(),
                            };
                            made.several(&values.iter().map(split).collect::<Vec<_>>());
                        }
                        None => {
                            let shown = if name.len() > 1 || name.starts_with(char::is_alphanumeric) {
                                format!("the value of ${name} is not known here")
                            } else {
                                format!("what ${name} is, is not known here")
                            };
                            made.unknown(shown);
                        }
                    }
                }
                Part::Output { list, range, quoted } => {
                    made.quoted |= quoted;
                    let written = self.unit.text[range.clone()].to_owned();
                    match (self.released(&written), echoed(list)) {
                        (Some(key), _) => {
                            self.quietly(list);
                            made.release = Some(key);
                            made.unknown("the value of os-release is that of the system".to_owned());
                        }
                        (None, Some(words)) => {
                            let known: Option<Vec<String>> = self
                                .expand_all(words)
                                .into_iter()
                                .map(|field| field.known().map(str::to_owned))
                                .collect();
                            match known {
                                Some(words) => {
                                    let between = if *quoted || !splits { " " } else { "\u{1}" };
                                    made.push(&words.join(between));
                                }
                                None => made.unknown(output(&written)),
                            }
                        }
                        // A file, not what is in it.
                        (None, None) if written.starts_with(['<', '>']) => {
                            self.quietly(list);
                            made.unknown(output(&written));
                        }
                        (None, None) => match self.printed_of(list) {
                            Some(lines) if *quoted || !splits => {
                                let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
                                made.push(texts.join("\n").trim_end_matches('\n'));
                                self.count_listed(&lines);
                            }
                            Some(lines) => match self.words_of(&lines) {
                                Some(fields) => {
                                    let texts: Vec<&str> = fields.iter().map(|field| field.text.as_str()).collect();
                                    made.push(&texts.join("\u{1}"));
                                    made.listed = Some(fields);
                                }
                                None => made.unknown(output(&written)),
                            },
                            None => {
                                let because = self.unread.take().map(|why| format!(": {why}")).unwrap_or_default();
                                made.unknown(format!("{}{because}", output(&written)));
                            }
                        },
                    }
                }
                Part::Unknown(written) => made.unknown(format!("`{}` is not worked out", shown(written))),
            }
        }
    }

    /// The values of a variable. `None` is not known; what is written instead of it is pushed to `made` then.
    fn variable(&mut self, name: &str, otherwise: Option<&(Operator, Word)>, made: &mut Made) -> Option<Vec<String>> {
        let value = self.lookup(name);
        if let Some(Value::Release(key)) = &value {
            made.release.get_or_insert_with(|| key.clone());
        }
        // What was set to something unknown has no default.
        if let Some(Value::Unknown | Value::Release(_)) = &value {
            return None;
        }
        let known = match value {
            Some(Value::Known(values)) => Some(values),
            Some(Value::Array(fields)) => {
                let all: Option<Vec<&str>> = fields.iter().map(Field::known).collect();
                all.map(|all| vec![all.join(" ")])
            }
            _ => None,
        };
        match (otherwise, known) {
            (None | Some((Operator::Required, _)), known) => known,
            (Some((Operator::Default, _)), Some(values)) if values.iter().all(|value| !value.is_empty()) => {
                Some(values)
            }
            // A default stands for what has no value, and for what may be given from outside: it is what happens
            // when nobody does.
            (Some((Operator::Default, word)), _) => match self.value(word) {
                Value::Known(values) => Some(values),
                _ => None,
            },
            (Some((Operator::Alternative, word)), Some(values)) if values.iter().all(|value| !value.is_empty()) => {
                match self.value(word) {
                    Value::Known(values) => Some(values),
                    _ => None,
                }
            }
            (Some((Operator::Alternative, _)), Some(_)) => Some(vec![String::new()]),
            (Some((Operator::Alternative, _)), None) => None,
        }
    }

    fn array(&mut self, name: &str) -> Option<Vec<Field>> {
        match name {
            "@" | "*" => self.arguments.clone(),
            _ => match self.lookup(name.strip_suffix("[@]")?) {
                Some(Value::Array(fields)) => Some(fields),
                _ => None,
            },
        }
    }

    fn lookup(&self, name: &str) -> Option<Value> {
        let name = name.strip_suffix("[@]").unwrap_or(name);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            let number: usize = name.parse().ok()?;
            let field = self.arguments.as_ref()?.get(number.checked_sub(1)?)?;
            return field.known().map(|text| Value::Known(vec![text.to_owned()]));
        }
        if matches!(name, "@" | "*") {
            return self.arguments.clone().map(Value::Array);
        }
        self.variables.get(name).cloned()
    }

    /// The key of os-release that a command substitution takes: `$(. /etc/os-release && echo $ID)`,
    /// `$(awk -F= '/^ID=/{print $2}' /etc/os-release)`, `$(lsb_release -is)`.
    fn released(&self, written: &str) -> Option<String> {
        const KEYS: [&str; 4] = ["PLATFORM_ID", "VERSION_ID", "ID_LIKE", "ID"];
        if written.len() > 400 {
            return None;
        }
        if written.contains("lsb_release") {
            let version = written.contains("-r") || written.contains("-sr") || written.contains("release -s -r");
            return Some(if version { "VERSION_ID" } else { "ID" }.to_owned());
        }
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let whole = |key: &&&str| {
            written
                .match_indices(**key)
                .any(|(at, _)| !written[..at].ends_with(name) && !written[at + key.len()..].starts_with(name))
        };
        let reads = written.contains("os-release") || (self.sourced && written.contains("echo"));
        reads.then(|| KEYS.iter().find(whole).map(|key| (*key).to_owned())).flatten()
    }
}

/// A text that is put together, in every value that it can have.
struct Made {
    texts: Vec<String>,
    unknown: Option<String>,
    release: Option<String>,
    /// The words of the last command substitution, with their own places.
    listed: Option<Vec<Field>>,
    /// It has quotes, so that it is an argument though it be empty.
    quoted: bool,
    /// Braces outside of quotes.
    braces: bool,
    /// It has one value.
    single: bool,
}

impl Made {
    fn new() -> Self {
        Self {
            texts: vec![String::new()],
            unknown: None,
            release: None,
            listed: None,
            quoted: false,
            braces: false,
            single: true,
        }
    }

    fn push(&mut self, text: &str) {
        for one in &mut self.texts {
            if one.len() + text.len() <= LONGEST {
                one.push_str(text);
            } else if !one.ends_with(UNKNOWN) {
                self.unknown.get_or_insert_with(|| format!("it is longer than {} KiB", LONGEST >> 10));
                one.push(UNKNOWN);
            }
        }
    }

    fn several(&mut self, values: &[String]) {
        if let [value] = values {
            return self.push(value);
        }
        if self.texts.len() * values.len() > ALTERNATIVES {
            return self.unknown("it has too many values".to_owned());
        }
        self.single = false;
        let before = std::mem::take(&mut self.texts);
        let mut all = Vec::new();
        for value in values {
            self.texts = before.clone();
            self.push(value);
            all.append(&mut self.texts);
        }
        self.texts = all;
    }

    fn unknown(&mut self, why: String) {
        self.unknown.get_or_insert(why);
        self.push("\0");
    }
}

/// The words that `$(echo …)` prints, when it does nothing else.
fn echoed(list: &List) -> Option<&[Word]> {
    let [AndOr { first, rest }] = list.0.as_slice() else { return None };
    let ([command], true) = (first.commands.as_slice(), rest.is_empty()) else { return None };
    match &command.kind {
        Kind::Simple { assignments, words }
            if assignments.is_empty()
                && command.redirects.is_empty()
                && words.first().and_then(Word::bare) == Some("echo")
                && !words.get(1).and_then(Word::bare).is_some_and(|word| word.starts_with('-')) =>
        {
            Some(&words[1..])
        }
        _ => None,
    }
}

fn output(written: &str) -> String {
    format!("what `{}` prints is not known here", shown(written))
}

/// A piece of text short enough for a sentence.
fn shown(written: &str) -> String {
    muster_base::text::one_line(written, 60)
}

/// Whether bash would expand braces: `a{b,c}`, `{1..3}`.
fn has_braces(text: &str) -> bool {
    match (text.find('{'), text.rfind('}')) {
        (Some(open), Some(close)) => {
            close > open && (text[open..close].contains(',') || text[open..close].contains(".."))
        }
        _ => false,
    }
}

/// Brace expansion. What is none stays as it is.
fn braces(text: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut left = vec![text.to_owned()];
    while let Some(text) = left.pop() {
        match (split_braces(&text), done.len() + left.len() < BRACES) {
            (Some(mut pieces), true) => {
                pieces.reverse();
                left.append(&mut pieces);
            }
            _ => done.push(text),
        }
    }
    done
}

/// The words of the first braces that are some.
fn split_braces(text: &str) -> Option<Vec<String>> {
    let bytes = text.as_bytes();
    for open in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{').map(|(at, _)| at).take(8) {
        let mut depth = 0;
        let mut commas = vec![open];
        for (at, byte) in bytes.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b',' if depth == 1 => commas.push(at),
                b'}' => depth -= 1,
                _ => {}
            }
            if depth > 0 {
                continue;
            }
            let (before, after) = (&text[..open], &text[at + 1..]);
            let inside = &text[open + 1..at];
            if commas.len() > 1 {
                commas.push(at);
                return Some(
                    commas.windows(2).map(|pair| format!("{before}{}{after}", &text[pair[0] + 1..pair[1]])).collect(),
                );
            }
            let (first, last) = inside.split_once("..")?;
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            let numbers = first..=last;
            let few = last >= first && last - first < BRACES as u32;
            return few.then(|| numbers.map(|number| format!("{before}{number}{after}")).collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_what_bash_makes_of_them() {
        assert_eq!(braces("a-{b,c}"), ["a-b", "a-c"]);
        assert_eq!(braces("{a,b{1..2}}x"), ["ax", "b1x", "b2x"]);
        assert_eq!(braces("a{,-devel}"), ["a", "a-devel"]);
        assert_eq!(braces("{a}"), ["{a}"]);
        assert_eq!(braces("a{b"), ["a{b"]);
        assert!(braces(&"{a,b}".repeat(200)).len() <= 2 * BRACES);
    }
}

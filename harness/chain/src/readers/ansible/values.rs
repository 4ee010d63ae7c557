//! Variables, and what an expression of Jinja is where it is literal.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::place::Place;
use crate::why::Why;
use crate::yaml::{Document, entries, scalar, truth};
use muster_suite::yaml::{Node, NodeKind};

/// Variables that are made of variables.
const DEEPEST: usize = 10;
/// Bytes of a text that is put together.
const LONGEST: usize = 4096;

/// A value, and the file it stands in.
#[derive(Debug, Clone)]
pub(super) struct Var {
    /// The value.
    pub(super) node: Rc<Node>,
    /// Where it stands.
    pub(super) document: Rc<Document>,
}

/// A text, and where an edit would replace it.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) place: Place,
}

/// The variables that are known at a place. `None` where something is set that only a run knows.
#[derive(Debug)]
pub(super) struct Scope<'p> {
    outer: Option<&'p Scope<'p>>,
    vars: RefCell<HashMap<String, Option<Var>>>,
    budget: Rc<Cell<usize>>,
}

impl<'p> Scope<'p> {
    /// Without any variable; it makes as many values as are left of the budget.
    pub(super) fn new(budget: &Rc<Cell<usize>>) -> Self {
        Self { outer: None, vars: RefCell::default(), budget: Rc::clone(budget) }
    }

    /// With those of another.
    pub(super) fn within(outer: &'p Scope<'p>) -> Self {
        Self { outer: Some(outer), ..Self::new(&outer.budget) }
    }

    /// Sets what a mapping says.
    pub(super) fn define(&self, document: &Rc<Document>, vars: &Node) {
        for (key, value) in entries(vars) {
            if let Some(name) = key.scalar() {
                self.set(name, Var { node: Rc::new(value.clone()), document: Rc::clone(document) });
            }
        }
    }

    /// Whether it, or one around it, says anything of a variable.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.defines(name) || self.outer.is_some_and(|outer| outer.knows(name))
    }

    /// Whether it says anything of a variable itself.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.vars.borrow().contains_key(name)
    }

    /// Takes over what another says itself, but for variables that `weaker` names.
    pub(super) fn take(&self, other: &Scope<'_>, weaker: impl Fn(&str) -> bool) {
        let mine = other.vars.borrow_mut().drain().filter(|(name, _)| !weaker(name)).collect::<Vec<_>>();
        self.vars.borrow_mut().extend(mine);
    }

    pub(super) fn set(&self, name: &str, value: Var) {
        self.vars.borrow_mut().insert(name.to_owned(), Some(value));
    }

    /// From here on only a run knows it.
    pub(super) fn forget(&self, name: &str) {
        self.vars.borrow_mut().insert(name.to_owned(), None);
    }

    /// As [`Scope::forget`], for what comes after this task too.
    pub(super) fn forget_everywhere(&self, name: &str) {
        self.forget(name);
        if let Some(outer) = self.outer {
            outer.forget_everywhere(name);
        }
    }

    /// Whether it has variables that the scope around it has not.
    pub(super) fn has_own(&self) -> bool {
        !self.vars.borrow().is_empty()
    }

    /// That of the play.
    pub(super) fn outermost(&self) -> &Scope<'p> {
        let mut scope: &Scope<'p> = self;
        while let Some(outer) = scope.outer {
            scope = outer;
        }
        scope
    }

    fn find(&self, name: &str) -> Option<Var> {
        match self.vars.borrow().get(name) {
            Some(var) => var.clone(),
            None => self.outer.and_then(|outer| outer.find(name)),
        }
    }

    fn spend(&self) -> Result<(), Why> {
        let left = self.budget.get().checked_sub(1).ok_or("the playbook makes more values than a chain has needs")?;
        self.budget.set(left);
        Ok(())
    }

    /// Whether a condition is a variable that is literally false.
    pub(super) fn is_false(&self, condition: &str) -> bool {
        let (name, not) = match condition.trim().strip_prefix("not ") {
            Some(rest) => (rest, true),
            None => (condition, false),
        };
        let name = name.trim().trim_end_matches("| bool").trim_end_matches("|bool").trim();
        let found = is_identifier(name).then(|| self.find(name)).flatten();
        let value = found.and_then(|var| var.node.scalar().and_then(truth));
        value == Some(not)
    }

    /// The items of a list, or the only value.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) fn list(&self, document: &Rc<Document>, node: &Node) -> Result<Vec<Var>, Why> {
        let mut out = Vec::new();
        let var = Var { node: Rc::new(node.clone()), document: Rc::clone(document) };
        self.flatten(&var, 0, &mut out)?;
        Ok(out)
    }

    /// The texts that a scalar, or a list of them, is.
    ///
    /// # Errors
    /// Why one of them is not known.
    pub(super) fn texts(&self, document: &Rc<Document>, node: &Node) -> Result<Vec<Value>, Why> {
        let mut out = Vec::new();
        for var in self.list(document, node)? {
            let text = var.node.scalar().ok_or_else(|| format!("{} where a name belongs", var.node.what()))?;
            let place = var.document.place(&var.node);
            out.push(Value { text: text.to_owned(), place });
        }
        Ok(out)
    }

    /// Lists in lists become one; scalars are evaluated.
    fn flatten(&self, var: &Var, depth: usize, out: &mut Vec<Var>) -> Result<(), Why> {
        if depth > DEEPEST {
            return Err(format!("variables that are made of variables more than {DEEPEST} deep").into());
        }
        self.spend()?;
        match &var.node.kind {
            NodeKind::Sequence(items) => {
                for item in items {
                    let item = Var { node: Rc::new(item.clone()), document: Rc::clone(&var.document) };
                    self.flatten(&item, depth + 1, out)?;
                }
                Ok(())
            }
            NodeKind::Mapping(_) => {
                out.push(var.clone());
                Ok(())
            }
            NodeKind::Scalar { text, .. } => {
                if var.document.is_tagged(&var.node) {
                    return Err("a value with a YAML tag".into());
                }
                if text.contains("{%") {
                    return Err("a statement of Jinja".into());
                }
                if !text.contains("{{") {
                    out.push(var.clone());
                    return Ok(());
                }
                if let Some(expression) = whole(text) {
                    for found in self.expression(expression, var)? {
                        self.flatten(&found, depth + 1, out)?;
                    }
                    return Ok(());
                }
                let text = self.interpolated(text, var, depth)?;
                out.push(Var { node: Rc::new(scalar(&text, &var.node)), document: Rc::clone(&var.document) });
                Ok(())
            }
        }
    }

    fn interpolated(&self, text: &str, at: &Var, depth: usize) -> Result<String, Why> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (expression, behind) = behind.split_once("}}").ok_or("an expression that is not closed")?;
            out.push_str(before);
            let mut values = Vec::new();
            for found in self.expression(expression, at)? {
                self.flatten(&found, depth + 1, &mut values)?;
            }
            match values.as_slice() {
                [value] => out.push_str(value.node.scalar().ok_or("a mapping in a text")?),
                _ => return Err(format!("{} is no single value", shown(expression)).into()),
            }
            if out.len() > LONGEST {
                return Err(format!("a value of more than {LONGEST} bytes").into());
            }
            rest = behind;
        }
        Ok(out + rest)
    }

    /// What an expression is, not evaluated further.
    fn expression(&self, expression: &str, at: &Var) -> Result<Vec<Var>, Why> {
        let mut out = Vec::new();
        for term in split(expression, '+')? {
            let mut filters = split(term, '|')?.into_iter();
            let base = filters.next().unwrap_or_default().trim();
            let mut value = self.primary(base, at);
            for filter in filters {
                let filter = filter.trim();
                let (name, argument) = match filter.split_once('(') {
                    Some((name, argument)) => (name.trim(), argument.trim_end().strip_suffix(')').unwrap_or("?")),
                    None => (filter, ""),
                };
                match name {
                    "list" | "unique" | "flatten" | "sort" | "string" | "trim" | "bool" | "int" => {}
                    "default" | "d" => {
                        let first = split(argument, ',')?.first().map_or("", |first| first.trim());
                        if value.is_err() && first == "omit" {
                            value = Ok(Vec::new());
                        } else if value.is_err() {
                            value = self.primary(first, at);
                        }
                    }
                    other => value = Err(format!("the filter `{}` is not read", shown(other)).into()),
                }
            }
            out.extend(value?);
        }
        Ok(out)
    }

    fn primary(&self, text: &str, at: &Var) -> Result<Vec<Var>, Why> {
        let text = text.trim();
        let like = |text: &str| Var { node: Rc::new(scalar(text, &at.node)), document: Rc::clone(&at.document) };
        if let Some(literal) = quoted(text) {
            return Ok(vec![like(literal)]);
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let items = split(inner, ',')?.into_iter().map(str::trim).filter(|item| !item.is_empty());
            let mut out = Vec::new();
            for item in items {
                out.push(like(quoted(item).ok_or_else(|| format!("{} is not literal", shown(item)))?));
            }
            return Ok(out);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Ok(vec![like(text)]);
        }
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (name, mut path) = text.split_at(end);
        if !is_identifier(name) {
            return Err(format!("the expression {} is not read", shown(text)).into());
        }
        let unknown = || format!("the value of {} is not known here", shown(text));
        let mut var = self.find(name).ok_or_else(unknown)?;
        while !path.is_empty() {
            let (key, rest) = if let Some(rest) = path.strip_prefix('.') {
                rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()))
            } else {
                let (key, rest) = path[1..].split_once(']').ok_or_else(unknown)?;
                (quoted(key.trim()).ok_or_else(unknown)?, rest)
            };
            let inner = var.node.get(key).ok_or_else(unknown)?.clone();
            var = Var { node: Rc::new(inner), document: var.document };
            path = rest;
        }
        Ok(vec![var])
    }
}

/// The expression that a text is, if it is only one.
fn whole(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

fn quoted(text: &str) -> Option<&str> {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).filter(|inner| !inner.contains(['\'', '"']))
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn shown(text: &str) -> String {
    muster_base::text::one_line(text, 60)
}

/// Splits at a character outside of quotes and brackets.
fn split(text: &str, at: char) -> Result<Vec<&str>, Why> {
    let (mut out, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.checked_sub(1).ok_or("brackets that do not match")?,
            (None, _) if c == at && depth == 0 => {
                out.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    if quote.is_some() || depth > 0 {
        return Err("an expression that is not closed".into());
    }
    out.push(&text[start..]);
    Ok(out)
}

/// The arguments of a module as a mapping: also those that are written `name=httpd state=present`, and those of `args:`.
/// The free text of a command stands under `_raw`.
pub(super) fn arguments(written: &Node, more: Option<&Node>) -> Node {
    let mut all: Vec<(Node, Node)> = match &written.kind {
        NodeKind::Mapping(entries) => entries.clone(),
        NodeKind::Scalar { text, .. } if !written.is_null() => {
            let mut all = vec![(scalar("_raw", written), written.clone())];
            for word in words(text) {
                if let Some((key, value)) = word.split_once('=').filter(|(key, _)| is_identifier(key)) {
                    let value = quoted(value).unwrap_or(value);
                    all.push((scalar(key, written), scalar(value, written)));
                }
            }
            all
        }
        NodeKind::Sequence(_) => vec![(scalar("_list", written), written.clone())],
        NodeKind::Scalar { .. } => Vec::new(),
    };
    all.extend(more.map(entries).unwrap_or_default().iter().cloned());
    Node { kind: NodeKind::Mapping(all), span: written.span }
}

/// Words at blanks outside of quotes and of `{{ }}`.
fn words(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => depth = depth.saturating_sub(1),
            (None, c) if c.is_whitespace() && depth == 0 => {
                out.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out.retain(|word| !word.is_empty());
    out
}

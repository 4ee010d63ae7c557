//! What attribute tables must keep to so that the decoder, the schema and the reference page can
//! rely on them. Check authors call it in their tests.

use super::clause::Join;
use super::matcher::{MATCHERS, check_value};
use super::table::{AttributeKind, CheckTable, Shorthand, Subject};

/// Everything that is wrong with a table, one sentence each; empty when it can be used.
pub fn problems(table: &CheckTable) -> Vec<String> {
    let mut out = Vec::new();
    let mut wrong = |what: String| out.push(format!("{}: {what}", table.name));
    if Join::of(table.name).is_some() {
        wrong("has the name of a key of `expect` that joins expectations".to_owned());
    }
    if table.attributes.is_empty() {
        wrong("has no attributes".to_owned());
    }
    if let Subject::Named(grammar) = table.subject
        && !(grammar.what.starts_with("a ") || grammar.what.starts_with("an "))
    {
        wrong(format!("the subject `{}` lacks its article", grammar.what));
    }
    for (at, attribute) in table.attributes.iter().enumerate() {
        if table.attributes[..at].iter().any(|other| other.name == attribute.name) {
            wrong(format!("the attribute `{}` is there twice", attribute.name));
        }
        if attribute.name == "eventually" {
            wrong("`eventually` is a key of every subject and cannot be an attribute".to_owned());
        }
        if !super::decode::is_id(attribute.name) {
            wrong(format!("the attribute `{}` is not a name", attribute.name));
        }
        if let AttributeKind::Map(_, AttributeKind::Map(..) | AttributeKind::Samples(_))
        | AttributeKind::Samples(AttributeKind::Map(..) | AttributeKind::Samples(_)) = attribute.kind
        {
            wrong(format!("the attribute `{}` is a mapping of mappings", attribute.name));
        }
    }
    match table.shorthand {
        Shorthand::None => {}
        Shorthand::Attribute(name) => {
            if table.attribute(name).is_none() {
                wrong(format!("the shorthand is for `{name}`, which is not an attribute"));
            }
            for attribute in table.attributes {
                if MATCHERS.iter().any(|(word, _)| *word == attribute.name) {
                    wrong(format!("with this shorthand, `{}` would be an attribute and a matcher", attribute.name));
                }
            }
        }
        Shorthand::Keywords(words) => {
            for (word, name, value) in words {
                match table.attribute(name) {
                    None => wrong(format!("the name `{word}` is for `{name}`, which is not an attribute")),
                    Some(attribute) => {
                        if let Err(error) = check_value(&attribute.kind, value) {
                            wrong(format!("the name `{word}`: {error}"));
                        }
                    }
                }
            }
        }
    }
    out
}

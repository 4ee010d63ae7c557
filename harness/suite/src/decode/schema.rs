//! Which schema a file says that it has, and whether that is the one that is read.

use std::sync::Arc;

use super::context::Context;
use crate::diagnostic::{Diagnostics, codes, did_you_mean};
use crate::keys::KeyTable;
use crate::kind::FileKind;
use crate::yaml::{self, Limits, Node};

/// What a file says that it is.
pub(crate) fn schema_of(root: &Node) -> Option<&str> {
    root.get("schema").and_then(Node::scalar)
}

/// Whether a file that was found in a directory is for another reader than the one of `own`, and is passed
/// over. A schema that nobody knows is a slip of the pen, and reported.
pub(crate) fn is_anothers(root: &Node, own: &str) -> bool {
    schema_of(root).is_some_and(|schema| schema != own && FileKind::of_schema(schema).is_some())
}

/// The root of a file, for the reader of `own`, its text kept for messages. `None` when it is no YAML, which is reported,
/// and when it was found in a directory and is for another reader.
pub(crate) fn root_for(own: &str, name: &Arc<str>, bytes: &[u8], found: bool, sink: &mut Diagnostics) -> Option<Node> {
    let text = yaml::text_of(name, bytes, Limits::default(), sink)?;
    sink.add_source(name, text);
    let root = yaml::parse(name, text, Limits::default(), sink)?;
    (!found || !is_anothers(&root, own)).then_some(root)
}

/// Whether the root is to be read as a mapping of the schema. One that does not say so, or misspells it, is when its keys
/// are of this kind: a person sees all that is wrong at once. Of another one nothing else is looked at, since every
/// other error would only follow from this one.
pub(crate) fn schema(cx: &mut Context<'_>, root: &Node, wanted: &str) -> bool {
    let yaml::NodeKind::Mapping(entries) = &root.kind else {
        let problem = cx.wrong_shape(root, "the file", "a mapping").help(format!("it begins with `schema: {wanted}`"));
        cx.report(problem);
        return false;
    };
    let node = root.get("schema");
    if node.is_some_and(|node| node.scalar() == Some(wanted)) {
        return true;
    }
    let by_keys = FileKind::by_keys(root);
    let looks_so = by_keys.is_some_and(|kind| kind.schema() == wanted);
    let Some(node) = node else {
        let near = |(key, _): &(Node, Node)| did_you_mean(key.scalar().unwrap_or_default(), ["schema"]).is_some();
        // The key that is nearly `schema` is reported with the other keys.
        if looks_so && entries.iter().take(40).any(near) {
            return true;
        }
        let meant = by_keys.map_or(wanted, |kind| kind.schema());
        let problem = cx.problem(codes::UNKNOWN_SCHEMA, root.span, "the file does not say which schema it has");
        let problem = match by_keys {
            Some(kind) if !looks_so => problem.note(format!("by its keys it is {}", kind.keys().what)),
            _ => problem,
        };
        cx.report(problem.help(format!("begin it with `schema: {meant}`")));
        return looks_so;
    };
    let mut goes_on = false;
    let problem = match node.scalar() {
        Some(other) => {
            let shown = muster_base::text::one_line(other, 60);
            let problem =
                cx.problem(codes::UNKNOWN_SCHEMA, node.span, format!("the schema `{shown}` is not read here"));
            match FileKind::near_schema(other) {
                Some(near) => {
                    goes_on = near.schema() == wanted && looks_so;
                    problem.label(format!("did you mean `{}`?", near.schema()))
                }
                None => problem.note(format!("read is: {wanted}")),
            }
        }
        None => cx.wrong_shape(node, "`schema`", "a scalar").note(format!("read is: {wanted}")),
    };
    cx.report(problem);
    goes_on
}

/// A file that is one list.
pub(crate) struct ListFile {
    /// The schema it says that it has.
    pub(crate) schema: &'static str,
    /// Its keys.
    pub(crate) keys: &'static KeyTable,
    /// That of the list, which also names what is in it.
    pub(crate) list: &'static str,
    /// Most entries.
    pub(crate) most: usize,
}

impl ListFile {
    /// The entries. None, with the reason reported, when the file is no such one or has too many.
    pub(crate) fn entries<'n>(&self, cx: &mut Context<'_>, root: &'n Node) -> &'n [Node] {
        if !schema(cx, root, self.schema) {
            return &[];
        }
        let fields = cx.fields(root, self.keys);
        let list = fields.and_then(|fields| fields.get(self.list));
        let items = list.and_then(|node| cx.items(node, self.list)).unwrap_or_default();
        if items.len() > self.most {
            let message = format!("the file has more than {} {}", self.most, self.list);
            let problem = cx.problem(codes::TOO_MANY, root.span, message).help("split it into several files");
            cx.report(problem);
            return &[];
        }
        items
    }
}

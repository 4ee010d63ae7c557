//! Lines of a spec that are tags.

/// `Requires(post): a b >= 1` as its tag, without what is in parentheses, and its value.
pub(in crate::readers) fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, value) = line.trim().split_once(':')?;
    let tag = tag.split('(').next()?.trim();
    (!tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| (tag, value.trim()))
}

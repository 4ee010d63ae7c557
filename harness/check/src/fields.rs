//! Lines `name=value`, as the probes of several types print what they found in files of the kernel.

/// The lines of one reading, in order. A name may come several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads lines; what has no `=` is passed over.
    pub(super) fn read(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.split_once('=')).collect())
    }

    /// The first value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of that name, in order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// The groups that begin with a line of that name, each with that line.
    pub(super) fn groups(&self, first: &str) -> Vec<Fields<'a>> {
        let mut groups: Vec<Fields<'a>> = Vec::new();
        for field in &self.0 {
            if field.0 == first {
                groups.push(Fields::default());
            }
            if let Some(group) = groups.last_mut() {
                group.0.push(*field);
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_equals_signs_and_groups_begin_with_their_first_line() {
        let fields = Fields::read("a=1\nname=x\nb=2=3\nnothing\nname=y\nb=\nb=4\n");
        assert_eq!((fields.get("b"), fields.get("c")), (Some("2=3"), None));
        let groups = fields.groups("name");
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].get("a"), groups[0].get("b")), (None, Some("2=3")));
        assert_eq!(groups[1].all("b").collect::<Vec<_>>(), ["", "4"]);
    }
}

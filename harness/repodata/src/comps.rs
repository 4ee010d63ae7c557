//! Package groups and environments (comps.xml).

/// A package group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// What `@ID` names.
    pub id: String,
    /// What `@"NAME"` names.
    pub name: String,
    /// Its packages, in the order of the file.
    pub packages: Vec<GroupPackage>,
}

/// A package of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPackage {
    /// The package's name. A group may name one that no repository has.
    pub name: String,
    /// When it is installed with the group.
    pub kind: GroupKind,
}

/// When a package is installed with its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKind {
    /// Always.
    Mandatory,
    /// Unless a person says otherwise.
    Default,
    /// Only where a person says so.
    Optional,
    /// Where this package is.
    Conditional(String),
}

/// An environment: groups under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// What `@ID` names.
    pub id: String,
    /// What `@"NAME"` names.
    pub name: String,
    /// Ids of groups that come with it.
    pub groups: Vec<String>,
    /// Ids of groups that can be chosen with it.
    pub options: Vec<String>,
}

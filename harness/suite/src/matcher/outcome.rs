//! What can be said of a matcher without a value.

/// What is known of a matcher without any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Every value of the kind satisfies it.
    Always,
    /// No value does.
    Never,
    /// Some may and some may not, or nobody can tell.
    Sometimes,
}

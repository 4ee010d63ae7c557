//! Enums that people write by name.

/// A choice that descriptions, suites and the command line make by one of its names.
pub trait Choice: Copy + std::str::FromStr<Err = UnknownName> + 'static {
    /// All names, in the order of the documentation.
    const NAMES: &'static [&'static str];
}

/// None of the names of a [`Choice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of: {}", known.join(", "))]
pub struct UnknownName {
    /// Those that there are.
    pub known: &'static [&'static str],
}

/// An enum whose variants have the names that descriptions and the command line use: the list of names, both ways between them.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $( $(#[$vdoc:meta])* $variant:ident = $word:literal ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$vdoc])* $variant ),* }

        impl $name {
            /// The names of descriptions and the command line, in the order of the documentation.
            pub const NAMES: &'static [&'static str] = &[ $( $word ),* ];

            /// The name.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $word ),* }
            }
        }

        impl $crate::Choice for $name {
            const NAMES: &'static [&'static str] = Self::NAMES;
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownName> {
                match word {
                    $( $word => Ok(Self::$variant), )*
                    _ => Err($crate::UnknownName { known: Self::NAMES }),
                }
            }
        }
    };
}

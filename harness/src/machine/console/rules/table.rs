//! The table of rules, the most telling first.

use super::Rule;
use super::Severity::Fatal;

macro_rules! rules {
    ($( $category:literal $severity:ident $pattern:literal $(except $except:literal)* hit $hit:literal miss $miss:literal; )*) => {
        /// All rules.
        pub const RULES: &[Rule] = &[ $( Rule {
            category: $category, severity: $severity, pattern: $pattern,
            except: &[ $( $except ),* ], hit: $hit, miss: $miss,
        } ),* ];
    };
}

rules! {
    "kernel-panic" Fatal r"^(?:Kernel panic - not syncing|end Kernel panic|---\[ end Kernel panic)"
        hit "[    2.345678] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
        miss "[    0.000000] Kernel command line: panic=5 # Kernel panic - not syncing";
}

//! The metadata of RPM repositories: which packages there are, what provides what, who owns a path, and which set of
//! packages installs together. Reads what `createrepo_c` writes; everything in it is untrusted and bounded. Knows no
//! machine and no chain.

mod arch;
pub mod comps;
mod data;
pub mod dependency;
pub mod grammar;
pub mod index;
pub mod module;
mod near;
mod numbers;
pub mod package;
pub mod read;
pub mod solve;
mod texts;

pub use data::Full;
pub use dependency::{Dependency, Operator};
pub use grammar::BadDependency;
pub use index::{INSTALLED, Index, IndexBuilder, Repository};
pub use package::{Package, PackageId, PackageRecord};
pub use read::{Interest, RepodataError, RepositoryDir, read};
pub use solve::{Problem, Request, Solution, Solver, Transaction, Wanted};

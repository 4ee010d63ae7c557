//! The metadata of RPM repositories: which packages there are, what provides what, who owns a path, and which set of
//! packages installs together. Reads what `createrepo_c` writes; everything in it is untrusted and bounded. Knows no
//! machine and no chain.

pub mod package;

pub use package::PackageId;

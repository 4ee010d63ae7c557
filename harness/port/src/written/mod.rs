//! What was found, for people and programs: each a file.

pub mod bring;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod suite;
pub mod text;

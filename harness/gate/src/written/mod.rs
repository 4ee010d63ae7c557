//! A decision for those who read it: people at a terminal, programs, a pull request, a browser.

pub mod html;
pub mod json;
mod lines;
pub mod markdown;
pub mod text;

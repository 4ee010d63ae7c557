//! A certificate for a customer, and a verification for whoever runs it.

mod markup;
pub mod page;
mod required;
pub mod text;

//! A certificate for a customer, and a verification for whoever runs it.

pub mod page;
pub mod text;

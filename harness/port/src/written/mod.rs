//! What was found, for people and programs: each a file.
//!
//! - `text::render(&Port, all: bool) -> String`: a terminal.
//! - `json::render(&Port) -> Result<String, serde_json::Error>`, `json::PORT_SCHEMA`: programs (`port/v1`).
//! - `markdown::render(&Port) -> String`: a pull request.
//! - `junit::render(&Port) -> Result<String, quick_junit::SerializeError>`: CI.
//! - `suite::render(&Port, name: &str) -> Pinned { suite, proofs, left_out }`: a suite and its proofs.

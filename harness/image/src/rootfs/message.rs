//! What an archive says, escaped for messages.

/// Bytes of an archive for a message.
pub(super) fn show(bytes: &[u8]) -> String {
    format!("`{}`", muster_base::text::one_line(&String::from_utf8_lossy(bytes), 120))
}

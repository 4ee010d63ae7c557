//! What is read of an image file before it is evaluated: its beginning and its end.

/// How many bytes of each end of the file [`Ends`] wants at most.
pub const WINDOW: usize = 64 << 10;

/// Both ends of an image file.
#[derive(Debug, Clone, Copy)]
pub struct Ends<'a> {
    /// The first [`WINDOW`] bytes, or all.
    pub head: &'a [u8],
    /// The last 512 bytes, or all.
    pub tail: &'a [u8],
    /// Length of the file in bytes.
    pub length: u64,
}

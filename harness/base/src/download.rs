//! How a download is verified, by the names of image descriptions.

use crate::words;

words! {
    /// A digest that checksum files hold. MD5 and SHA-1 are not taken.
    ChecksumKind {
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-512.
        Sha512 = "sha512",
    }
}

words! {
    /// How an OpenPGP signature belongs to what it signs.
    SignatureKind {
        /// The checksum file is a clear-signed text.
        ClearSigned = "clear-signed",
        /// A file of its own, over the checksum file.
        Checksums = "detached-checksums",
        /// A file of its own, over the image.
        Image = "detached-image",
    }
}

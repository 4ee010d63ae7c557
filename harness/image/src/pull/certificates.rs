//! Whose certificates a download is checked with.

use std::sync::Arc;

use ureq::tls::{PemItem, RootCerts, TlsConfig};

use super::error::PullError;
use muster_base::text;

/// TLS that trusts whom this host trusts, a company's own authority included.
pub(super) fn tls(url: &str) -> Result<TlsConfig, PullError> {
    let unusable = |reason: String| PullError::Certificates { url: text::one_line(url, 200), reason };
    let stated = std::env::var_os("SSL_CERT_FILE").filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    // Where each distribution keeps them is known to this crate, which OpenSSL's users share.
    let of_the_host = || openssl_probe::probe().cert_file.filter(|path| path.is_file());
    let path =
        stated.or_else(of_the_host).ok_or_else(|| unusable("this host has no bundle of certificates".to_owned()))?;
    let pem = std::fs::read(&path).map_err(|error| unusable(format!("{}: {error}", path.display())))?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(unusable(format!("{} holds none", path.display())));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

//! Products: package files that every machine of a run gets after its boot and before its tests. An ISV's tests are
//! then those of a distribution with his product on it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::clock::Clock;
use super::driver::Live;
use super::sent_packages::{PackageFile, PackageRole, SentPackages};
use muster_base::failure::{self, Failure};
use muster_record::run::ProductRecord;

/// Bytes of a product's file, at most.
pub const PRODUCT_LIMIT: u64 = 1 << 30;

/// Guest time in which products are sent and installed, all of them together.
const TIME: Duration = Duration::from_secs(20 * 60);

static PRODUCTS: PackageRole = PackageRole {
    what: "the product",
    named_by: "--product",
    dir: "/var/tmp/muster-products",
    not_installed: failure::PRODUCT_INSTALL,
    unsent: failure::PRODUCT_UNSENT,
};

/// A file that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The file on this host, which is an RPM.
    pub file: Utf8PathBuf,
    /// SHA-256 when the run began, hex.
    pub sha256: String,
}

/// Sends the products to the guest and installs them in one transaction, with what they need from the guest's own
/// repositories. What is installed afterwards must be these very files, by the digest of their headers.
pub(super) async fn install<L: Live>(live: &L, products: &[Product]) -> Result<Vec<ProductRecord>, Failure> {
    let clock = Clock::new(TIME, live.deadline_scale());
    let files = products.iter().map(|product| PackageFile { file: &product.file, sha256: &product.sha256 }).collect();
    let sent = SentPackages::send(live, &PRODUCTS, files, &clock).await?;
    let installed = sent.install(live, &clock).await?;
    sent.remove(live, &clock).await?;
    Ok(installed)
}

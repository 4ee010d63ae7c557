//! The files of `--product`, read before anything boots.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::event_loop::runtime;
use muster_base::text;
use muster_engine::product::{PRODUCT_LIMIT, Product};
use muster_record::names::MACHINE_SUITE;
use muster_record::run::{RunRecord, TestRecord};
use muster_suite::matrix_kernel::RPM_MAGIC;

/// The products, each once; a file named twice is an error, since it can be installed once only.
pub(crate) fn read(files: &[Utf8PathBuf]) -> Result<Vec<Product>, CliError> {
    let mut products: Vec<Product> = Vec::new();
    for file in files {
        check(file).map_err(|why| refused(file, &why))?;
        let sha256 = runtime()?.block_on(muster_image::sha256(file.as_std_path()))?;
        if let Some(other) = products.iter().find(|product| product.sha256 == sha256) {
            return Err(refused(file, &ProductError::Twice(other.file.clone())));
        }
        products.push(Product { file: file.clone(), sha256 });
    }
    Ok(products)
}

/// An error unless the results of the earlier run were found with these products: results of two products are not one
/// run. Of an image whose products did not install then, none is known.
pub(crate) fn fit(products: &[Product], earlier: &RunRecord) -> Result<(), CliError> {
    let given: BTreeSet<&str> = products.iter().map(|product| product.sha256.as_str()).collect();
    for (id, image) in &earlier.images {
        let about_it = |test: &&TestRecord| test.image == *id && test.outcome.has_run() && test.suite != MACHINE_SUITE;
        let Some(test) = earlier.tests.iter().find(about_it) else { continue };
        let tested: BTreeSet<&str> = image.products.iter().map(|product| product.sha256.as_str()).collect();
        if tested != given {
            let packages: Vec<&str> = image.products.iter().map(|product| product.package.as_str()).collect();
            let with = if packages.is_empty() { "no product".to_owned() } else { packages.join(", ") };
            let what = format!(
                "results that would be kept ({} [{}] is one) were found with {}, and the files of --product are others",
                text::one_line(&test.name(), 120),
                text::one_line(id, 120),
                text::one_line(&with, 300)
            );
            let hint = "name the same files, or run all tests anew, without --rerun and --resume";
            return Err(CliError::invalid(what).hint(hint));
        }
    }
    Ok(())
}

fn refused(file: &Utf8Path, why: &ProductError) -> CliError {
    CliError::invalid(format!("--product {file}: {why}")).hint("name the .rpm file that is to be installed and tested")
}

/// Why a file is no product.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProductError {
    #[error("{}", text::plain_cause(.0))]
    Unread(#[from] std::io::Error),
    #[error("it is not a plain file")]
    NotPlain,
    #[error("it is not an RPM")]
    NotRpm,
    #[error("it has {0} bytes, and {PRODUCT_LIMIT} are allowed")]
    TooLong(u64),
    #[error("it is the same file as {0}")]
    Twice(Utf8PathBuf),
}

/// That a file can be sent to a guest and is an RPM.
pub(crate) fn check(file: &Utf8Path) -> Result<(), ProductError> {
    // Without the path in it: the message names the file.
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(ProductError::NotPlain);
    }
    if metadata.len() > PRODUCT_LIMIT {
        return Err(ProductError::TooLong(metadata.len()));
    }
    let mut begins = Vec::new();
    std::fs::File::open(file)?.take(RPM_MAGIC.len() as u64).read_to_end(&mut begins)?;
    if begins == RPM_MAGIC { Ok(()) } else { Err(ProductError::NotRpm) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::outcome::Outcome;
    use muster_record::run::{ImageRecord, ProductRecord};
    use muster_record::sample;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn results_of_another_product_are_not_kept() {
        let product = |byte: u8| Product { file: "a.rpm".into(), sha256: text::hex([byte; 32]) };
        let ran = |outcome, products: &[u8]| {
            let record = |byte: &u8| ProductRecord { sha256: text::hex([*byte; 32]), ..ProductRecord::default() };
            let image = ImageRecord { products: products.iter().map(record).collect(), ..ImageRecord::default() };
            let test = sample::test("s", "a", outcome);
            RunRecord { images: [(test.image.clone(), image)].into(), tests: vec![test], ..RunRecord::default() }
        };
        assert!(fit(&[product(1)], &ran(Outcome::Pass, &[1])).is_ok());
        assert!(fit(&[], &ran(Outcome::Pass, &[])).is_ok());
        for (given, tested) in
            [(&[product(2)][..], &[1][..]), (&[], &[1]), (&[product(1)], &[]), (&[product(1)], &[1, 2])]
        {
            let error = fit(given, &ran(Outcome::Fail, tested)).unwrap_err();
            assert!(error.what.contains("s/a"), "{}", error.what);
        }
        // What did not run was found with nothing.
        assert!(fit(&[product(1)], &ran(Outcome::NotRun, &[])).is_ok());
    }

    #[test]
    fn only_rpms_are_products_and_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let file = root.join(name);
            std::fs::write(&file, bytes).unwrap();
            file
        };
        let rpm = write("a.rpm", &[&RPM_MAGIC[..], b"rest"].concat());
        assert_eq!(
            read(std::slice::from_ref(&rpm)).unwrap(),
            [Product { file: rpm.clone(), sha256: text::hex(Sha256::digest([&RPM_MAGIC[..], b"rest"].concat())) }]
        );
        let said = |files: &[Utf8PathBuf]| read(files).unwrap_err().what;
        let same = write("b.rpm", &[&RPM_MAGIC[..], b"rest"].concat());
        assert!(said(&[rpm, same]).contains("it is the same file as"));
        assert!(said(&[write("empty.rpm", b"")]).ends_with("it is not an RPM"));
        assert!(said(&[write("text.rpm", b"hello")]).ends_with("it is not an RPM"));
        assert!(said(&[root.to_owned()]).ends_with("it is not a plain file"));
        assert!(said(&[root.join("gone.rpm")]).ends_with("there is no such file or directory"));
        let long = write("long.rpm", &RPM_MAGIC);
        std::fs::File::options().write(true).open(&long).unwrap().set_len(PRODUCT_LIMIT + 1).unwrap();
        assert!(said(&[long]).contains("1073741824 are allowed"));
    }
}

use sha2::{Digest as _, Sha256};

use super::super::nothing_listed;
use super::*;
use crate::repositories::of_dnf;
use crate::testing::{records, reply};

const FILE: &str = "/etc/yum.repos.d/a.repo";
const SHIPPED: &str =
    "[base]\nbaseurl=https://a.example/\nenabled=1\ngpgcheck=1\n\n[testing]\nbaseurl=https://b.example/\nenabled=0\n";

fn digest(text: &str) -> String {
    muster_base::text::hex(Sha256::digest(text))
}

/// Files with what rpm says of each: status and text.
fn found(files: &[(&str, &str, i32, &str)], maker: (i32, &str)) -> Read<Vec<String>> {
    let contents: Vec<_> = files.iter().map(|(path, text, ..)| (*path, 0, text.trim_end_matches('\n'))).collect();
    let contents = [&[("manager", 0, "dnf5"), ("machine", 0, "x86_64")][..], &contents].concat();
    let owners: Vec<_> = files.iter().map(|(path, _, status, said)| (*path, *status, *said)).collect();
    let mut seen = nothing_listed();
    seen.0.insert(dnf::KEY.to_owned(), records(&contents));
    seen.0.insert(KEY.to_owned(), records(&[&[(MAKER, maker.0, maker.1)][..], &owners].concat()));
    let repos = of_dnf(&seen)?.unwrap();
    let origins = origins(&repos, &seen, &["my-app-1.0-1.noarch".to_owned()])?;
    let lines =
        |found: BTreeMap<String, String>, sign| found.into_iter().map(move |(id, why)| format!("{id}{sign} {why}"));
    Ok(lines(origins.foreign, ":").chain(lines(origins.of_products, " =")).collect())
}

const MAKER_OF_ALL: (i32, &str) = (0, "Maker\nMaker");

fn owned(text: &str) -> String {
    format!("{}|{FILE}|base-repos-1-1.noarch|Maker", digest(text))
}

#[test]
fn a_file_as_its_package_has_it_is_the_makers_and_so_is_one_with_other_switches() {
    for content in [
        SHIPPED.to_owned(),
        SHIPPED.replace("enabled=0", "enabled=1"),
        SHIPPED.replace("enabled=0", "enabled = True").replace("enabled=1", "enabled=0"),
    ] {
        assert_eq!(found(&[(FILE, &content, 0, &owned(SHIPPED))], MAKER_OF_ALL), Ok(vec![]), "{content}");
    }
}

#[test]
fn what_was_planted_into_it_is_nobodys() {
    for content in [
        format!("{SHIPPED}[of-nobody]\nbaseurl=https://c.example/\nenabled=1\ngpgcheck=1\n"),
        SHIPPED.replace("a.example", "c.example"),
    ] {
        let found = found(&[(FILE, &content, 0, &owned(SHIPPED))], MAKER_OF_ALL).unwrap();
        assert!(found[0].starts_with("base: /etc/yum.repos.d/a.repo was changed"), "{found:?}");
        assert_eq!(found.len(), 1 + usize::from(content.contains("[of-nobody]")));
    }
}

#[test]
fn a_section_of_the_main_configuration_and_an_override_belong_to_whoever_wrote_them() {
    let vendors = (FILE, SHIPPED, 0, &*owned(SHIPPED));
    let main = "[main]\ngpgcheck=1\n";
    let planted = format!("{main}[mine]\nbaseurl=https://c.example/\n");
    let conf = |text: &'static str| format!("{}|/etc/dnf/dnf.conf|dnf-data-1-1.noarch|Maker", digest(text));
    assert_eq!(found(&[vendors, ("/etc/dnf/dnf.conf", main, 0, &conf(main))], MAKER_OF_ALL), Ok(vec![]));
    let seen = found(&[vendors, ("/etc/dnf/dnf.conf", &planted, 0, &conf(main))], MAKER_OF_ALL).unwrap();
    assert!(seen.len() == 1 && seen[0].starts_with("mine: /etc/dnf/dnf.conf was changed"), "{seen:?}");
    // Without a repository in it the main configuration may say what it will.
    assert_eq!(found(&[vendors, ("/etc/dnf/dnf.conf", "[main]\nbest=1\n", 0, &conf(main))], MAKER_OF_ALL), Ok(vec![]));
    let over = "/etc/dnf/repos.override.d/99-config_manager.repo";
    let nobody = "file /etc/dnf/repos.override.d/99-config_manager.repo is not owned by any package";
    assert_eq!(found(&[vendors, (over, "[testing]\nenabled=1\n", 1, nobody)], MAKER_OF_ALL), Ok(vec![]));
    let seen = found(&[vendors, (over, "[b*]\nbaseurl=https://c.example/\n", 1, nobody)], MAKER_OF_ALL);
    assert_eq!(seen, Ok(vec![format!("base: {over} belongs to no package")]));
}

#[test]
fn other_owners_are_named_and_what_rpm_does_not_say_is_no_answer() {
    let of = |said: &str| format!("{}|{FILE}|of-nobody-1-1.noarch|{said}", digest(SHIPPED));
    let two = format!("{}\n{}", of("Maker"), of("Somebody else"));
    for (said, expected) in [
        (of("Somebody else"), "base: /etc/yum.repos.d/a.repo is of Somebody else, and the distribution of Maker"),
        (two, "base: /etc/yum.repos.d/a.repo is of Somebody else, and the distribution of Maker"),
        (
            format!("|{FILE}|base-repos-1-1.noarch|Maker"),
            "base: /etc/yum.repos.d/a.repo is written after the installation of its package, which has no digest of it",
        ),
    ] {
        assert_eq!(found(&[(FILE, SHIPPED, 0, &said)], MAKER_OF_ALL), Ok(vec![expected.to_owned()]));
    }
    let whole = owned(SHIPPED);
    let nobody = (1, "no package provides system-release");
    assert_eq!(
        found(&[(FILE, SHIPPED, 0, &whole)], nobody),
        Ok(vec!["base: no package provides system-release".to_owned()])
    );
    for (status, said, maker) in [
        (1, "error: cannot open the database", MAKER_OF_ALL),
        (0, "", MAKER_OF_ALL),
        (0, "0123456789abcdef0123456789abcdef|/etc/yum.repos.d/a.repo|base-repos-1-1.noarch|Maker", MAKER_OF_ALL),
        (0, &*whole, (1, "error: cannot open the database")),
    ] {
        assert!(found(&[(FILE, SHIPPED, status, said)], maker).is_err(), "{said}");
    }
    let mut seen = nothing_listed();
    seen.0.insert(KEY.to_owned(), reply(127, ""));
    assert!(origins(&Repos::default(), &seen, &[]).is_err());
}

const ACME: &str = "/etc/yum.repos.d/acme.repo";

/// The vendor's file, with another one that rpm says is of these packages, as it was built.
fn with(path: &str, content: &str, packages: &[&str]) -> Vec<String> {
    let said: Vec<String> =
        packages.iter().map(|package| format!("{}|{path}|{package}|Acme", digest(content))).collect();
    let vendors = owned(SHIPPED);
    found(&[(FILE, SHIPPED, 0, &vendors), (path, content, 0, &said.join("\n"))], MAKER_OF_ALL).unwrap()
}

#[test]
fn a_repository_that_the_product_brings_is_its_own() {
    let acme = "[acme]\nbaseurl=https://acme.example/el/\nenabled=1\ngpgcheck=1\n";
    assert_eq!(with(ACME, acme, &["my-app-1.0-1.noarch"]), ["acme = https://acme.example/el/"]);
    // That of another package is not, by whomever, nor one that two packages own.
    for others in [
        &["acme-release-1-1.noarch"][..],
        &["my-app-1.0-2.noarch"],
        &["my-app-1.0-1.noarch", "acme-release-1-1.noarch"],
    ] {
        let found = with(ACME, acme, others);
        assert!(found.len() == 1 && found[0].starts_with("acme: /etc/yum.repos.d/acme.repo is of "), "{found:?}");
    }
    // One that is off changes nothing.
    let off = acme.replace("enabled=1", "enabled=0");
    assert_eq!(with(ACME, &off, &["my-app-1.0-1.noarch"]), [""; 0]);
}

#[test]
fn a_product_launders_nothing_that_is_not_its_own() {
    let mine = &["my-app-1.0-1.noarch"];
    for (path, content, why) in [
        // The first file with an id counts.
        (
            "/etc/yum.repos.d/0.repo",
            "[base]\nbaseurl=https://acme.example/\n",
            "base: /etc/yum.repos.d/0.repo is of a product and takes the place",
        ),
        (
            "/etc/dnf/repos.override.d/acme.repo",
            "[base]\nbaseurl=https://acme.example/\n",
            "base: /etc/dnf/repos.override.d/acme.repo is of a product and changes",
        ),
        (
            "/etc/dnf/dnf.conf",
            "[acme]\nbaseurl=https://acme.example/\n",
            "acme: /etc/dnf/dnf.conf is of a product, which replaces",
        ),
        (
            ACME,
            "[acme]\nbaseurl=https://acme.example/\npriority=10\n",
            "acme: /etc/yum.repos.d/acme.repo is of a product, and its priority 10",
        ),
    ] {
        let found = with(path, content, mine);
        assert!(found.len() == 1 && found[0].starts_with(why), "{found:?}");
    }
    // A file that was changed after it was installed.
    let said = format!("{}|{ACME}|my-app-1.0-1.noarch|Acme", digest("[acme]\nbaseurl=https://acme.example/\n"));
    let (vendors, other) = (owned(SHIPPED), "[acme]\nbaseurl=https://other.example/\n");
    let changed = found(&[(FILE, SHIPPED, 0, &vendors), (ACME, other, 0, &said)], MAKER_OF_ALL).unwrap();
    assert!(changed[0].contains("acme.repo was changed"), "{changed:?}");
    // Where none of the distribution's own is left, the product's took their place.
    let off = SHIPPED.replace("enabled=1", "enabled=0");
    let alone =
        found(&[(FILE, &off, 0, &vendors), (ACME, "[acme]\nbaseurl=https://acme.example/\n", 0, &said)], MAKER_OF_ALL);
    assert_eq!(
        alone,
        Ok(vec!["acme: it is of a product, and none of the distribution's own repositories is on".to_owned()])
    );
}

#[test]
fn a_variable_in_an_address_is_the_makers_or_the_repository_is_not() {
    let repo =
        "[base]\nbaseurl=https://a.example/$where/${arch}\nmirrorlist=https://a.example/?infra=$infra\nenabled=1\n";
    let vendors = (FILE, repo, 0, &*owned(repo));
    let shipped = "/usr/share/dnf5/vars.d/where";
    let said = format!("{}|{shipped}|base-repos-1-1.noarch|Maker", digest("here\n"));
    let of_maker = (shipped, "here\n", 0, said.as_str());
    assert_eq!(found(&[vendors, of_maker], MAKER_OF_ALL), Ok(vec![]));
    // It counts before the maker's. What a server is told, and what no address names, is no place.
    let nobody = |path: &'static str| (path, "elsewhere\n", 1, "file x is not owned by any package");
    let others = [nobody("/etc/dnf/vars/infra"), nobody("/etc/dnf/vars/unused")];
    assert_eq!(found(&[vendors, of_maker, others[0], others[1]], MAKER_OF_ALL), Ok(vec![]));
    let planted = "/etc/dnf/vars/where";
    let seen = found(&[vendors, of_maker, nobody(planted)], MAKER_OF_ALL);
    assert_eq!(seen, Ok(vec![format!("base: {planted} belongs to no package")]));
}

#[test]
fn an_empty_database_knows_no_maker() {
    let host = tempfile::tempdir().unwrap();
    let maker_by = |packages: &[&str]| {
        let tools = crate::testing::rpm_with(packages, host.path());
        let owners = shell::answers(&crate::testing::with_tools(&[&tools], READ)).unwrap();
        maker(&owners).map(|maker| maker.map(str::to_owned))
    };
    assert_eq!(maker_by(&["bash"]), Ok(Err("no package provides system-release")));
    assert!(maker_by(&[]).unwrap_err().to_string().contains("the RPM database is empty"));
}

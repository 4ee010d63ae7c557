//! The catalogue, and images that have to be fetched or made first.

use std::time::Duration;

use super::support::{Finished, Place};

/// With a cache of its own, in which nothing is.
fn muster(words: &[&str]) -> Finished {
    let place = Place::new();
    let mut command = place.command(words);
    command.env("MUSTER_CACHE", place.path("cache"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    super::support::wait(child.expect("muster starts"), Duration::from_secs(60))
}

#[test]
fn the_list_says_which_images_were_never_booted() {
    let listed = muster(&["images", "list"]);
    listed.assert_status(0);
    assert!(listed.stdout.contains("were never booted with their descriptions"), "{}", listed.stdout);
    let listed = muster(&["images", "list", "--format", "json"]);
    listed.assert_status(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("a JSON array");
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert!(row("fedora-43")["never-booted"].is_string());
    assert!(row("lab")["never-booted"].is_null());
    assert_eq!(row("almalinux-10")["needs-cpu"], "x86-64-v3");
    assert_eq!(row("fedora-43")["state"], "not pulled: muster images pull fedora-43");
    assert_eq!(row("cos")["state"], "to be brought: muster images show cos");
}

#[test]
fn an_image_that_is_not_here_says_what_brings_it() {
    for (image, command) in
        [("fedora-43", "muster images pull fedora-43"), ("azurelinux-4", "muster images show azurelinux-4")]
    {
        let ended = muster(&["run", "--image", image, "--suites", "tests/suites/tiny.yaml"]);
        ended.assert_status(2);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(command), "{said}");
        assert!(said.contains("was never booted with its description"), "{said}");
    }
}

#[test]
fn what_cannot_be_pulled_is_refused_with_the_way_to_it() {
    for (image, word) in
        [("lab-tiny", "muster images build lab-tiny"), ("cos", "muster images show cos"), ("fedora-34", "fedora-4")]
    {
        let ended = muster(&["images", "pull", image]);
        ended.assert_status(2);
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    let ended = muster(&["images", "pull", "rocky-10", "--require-signature"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("image.unsigned"), "{}", ended.stderr);
    let ended = muster(&["images", "pull", "fedora-43", "--require-signature"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("--keyring"), "{}", ended.stderr);
    let ended = muster(&["images", "verify", "rocky-10"]);
    ended.assert_status(3);
    assert!(ended.stderr.contains("muster images pull rocky-10"), "{}", ended.stderr);
    let shown = muster(&["images", "show", "azurelinux-4"]);
    shown.assert_status(0);
    for part in ["step 1", "never booted", "quirk", "images/brought/azurelinux-4.vhd"] {
        assert!(shown.stdout.contains(part), "{part} is missing in\n{}", shown.stdout);
    }
}

//! What `muster bisect` says before it boots anything, and of images that cannot be used. Nothing boots here.

use std::path::Path;
use std::time::Duration;

use crate::support::{Finished, Place};

/// A file that is called an image and is none: no run comes of it.
fn unusable(place: &Place, names: &[&str]) {
    std::fs::create_dir_all(place.path("images")).expect("made");
    for name in names {
        place.write(&format!("images/{name}"), "this is no disk\n");
    }
}

fn bisect(place: &Place, words: &[&str]) -> Finished {
    place.run(&[&["bisect"], words].concat(), Duration::from_secs(60))
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

const FIVE: [&str; 5] = ["build-1.qcow2", "build-2.qcow2", "build-3.qcow2", "build-4.qcow2", "build-5.qcow2"];
const OPTIONS: [&str; 3] = ["--", "--suites", "tests/suites/tiny.yaml"];

struct Scene {
    place: Place,
    good: String,
    bad: String,
    images: String,
    out: String,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        unusable(&place, &FIVE);
        let [good, bad, images, out] =
            ["images/build-1.qcow2", "images/build-5.qcow2", "images", "search"].map(|name| text(&place.path(name)));
        Self { place, good, bad, images, out }
    }

    fn search(&self, test: &str, good: &str, bad: &str, more: &[&str], run: &[&str]) -> Finished {
        let words = [test, "--good", good, "--bad", bad, "--between", &self.images, "-o", &self.out];
        bisect(&self.place, &[&words, more, &OPTIONS, run].concat())
    }

    /// A search that is refused before anything is written or tried.
    fn refused(&self, test: &str, good: &str, bad: &str, run: &[&str], why: &str) {
        let ended = self.search(test, good, bad, &[], run);
        ended.assert_status(2);
        assert!(ended.stderr.contains(why), "{why}: {}", ended.stderr);
        assert!(!ended.stderr.contains("BISECT") && !self.place.path("search").exists(), "{}", ended.stderr);
    }

    fn verdicts(&self) -> Vec<String> {
        let search = std::fs::read_to_string(self.place.path("search/bisect.json")).expect("a search");
        let search: serde_json::Value = serde_json::from_str(&search).expect("JSON");
        let images = search["images"].as_array().expect("images");
        images.iter().map(|image| image["verdict"].as_str().unwrap_or("none").to_owned()).collect()
    }
}

#[test]
fn ends_a_list_and_a_test_that_are_not_there_end_a_search_before_it_begins() {
    let scene = Scene::new();
    let gone = text(&scene.place.path("images/build-0.qcow2"));
    scene.refused("tiny/kernel", &gone, &scene.bad, &[], &format!("--good {gone}: there is no such file"));
    scene.refused("tiny/kernel", &scene.good, &gone, &[], &format!("--bad {gone}: there is no such file"));
    scene.refused("tiny/kernel", "lab-tny", &scene.bad, &[], "did you mean `lab-tiny`");
    scene.refused("tiny/kernle", &scene.good, &scene.bad, &[], "no test matches `tiny/kernle`");
    scene.refused("tiny/kernel", &scene.good, &scene.bad, &["--tag", "no-such-tag"], "the selection selects no test");
    for own in [&["--out", "elsewhere"][..], &["-o", "elsewhere"], &["--image", "lab"]] {
        scene.refused("tiny/kernel", &scene.good, &scene.bad, own, "is set for each run of the search");
    }
    let list = "build-1.qcow2\nbuild-2.qcow2\nbiuld-3.qcow2\nlab-tiny\nbuild-5.qcow2\nafter-the-bad-one.qcow2\n";
    let list = text(&scene.place.write("images/list.txt", list));
    let scene = Scene { images: list, ..scene };
    let why = "list.txt: 1 line names neither a file nor an image of the catalogue: biuld-3.qcow2";
    scene.refused("tiny/kernel", &scene.good, &scene.bad, &[], why);
}

#[test]
fn an_end_that_is_not_among_the_images_is_said_with_the_range() {
    let scene = Scene::new();
    let first = text(&scene.place.write("first.qcow2", "this is no disk\n"));
    let ended = scene.search("tiny/kernel", &first, &scene.bad, &[], &[]);
    let note = format!("note: --good {first} is not among the images of --between {}", scene.images);
    assert!(ended.stderr.contains(&note), "{}", ended.stderr);
    assert!(ended.stderr.contains("note: between the two are 4 images, from "), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("is not among").count(), 1, "{}", ended.stderr);
}

#[test]
fn an_image_that_cannot_be_used_is_inconclusive_also_first_and_several_end_the_search_which_goes_on() {
    let scene = Scene::new();
    let ended = scene.search("tiny/kernel", &scene.good, &scene.bad, &[], &[]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("none of 3 images can be used, and no test has run yet"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`muster bisect --resume "), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("INCONCLUSIVE ").count(), 3, "{}", ended.stderr);
    assert_eq!(scene.verdicts(), ["none", "inconclusive", "inconclusive", "inconclusive", "none"]);
    // It comes to the ends then, and is over.
    let ended = bisect(&scene.place, &["--resume", &scene.out]);
    ended.assert_status(1);
    assert!(ended.stdout.contains(&format!("--bad {} is inconclusive", scene.bad)), "{}", ended.stdout);
    assert_eq!(scene.verdicts()[4], "inconclusive");
    assert_eq!(bisect(&scene.place, &["--resume", &scene.out]).status, 1);
}

#[test]
fn images_that_cannot_be_used_are_bad_where_errors_are_and_the_good_one_shows_it() {
    let scene = Scene::new();
    let ended = scene.search("tiny/kernel", &scene.good, &scene.bad, &["--errors-are-bad"], &[]);
    ended.assert_status(1);
    assert!(ended.stdout.contains(&format!("--good {} is bad", scene.good)), "{}", ended.stdout);
}

#[test]
fn a_file_that_vanishes_is_left_out_and_when_all_are_gone_nothing_is_kept_of_it() {
    let scene = Scene::new();
    scene.search("tiny/kernel", &scene.good, &scene.bad, &["--errors-are-bad"], &[]).assert_status(1);
    let file = scene.place.path("search/bisect.json");
    let mut search: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).expect("read")).expect("JSON");
    for image in search["images"].as_array_mut().expect("images") {
        let image = image.as_object_mut().expect("an image");
        image.remove("verdict");
        image.remove("why");
    }
    let begun = serde_json::to_vec(&search).expect("JSON");
    std::fs::write(&file, &begun).expect("written");
    // Also where errors are bad: nobody knows anything of it.
    std::fs::remove_file(scene.place.path("images/build-3.qcow2")).expect("removed");
    let ended = bisect(&scene.place, &["--resume", &scene.out]);
    assert_eq!(scene.verdicts()[2], "inconclusive", "{}", ended.stderr);
    assert!(ended.stderr.contains("build-3.qcow2: the file is not there any more"), "{}", ended.stderr);
    assert_eq!(scene.verdicts()[1], "bad", "{}", ended.stderr);

    std::fs::write(&file, &begun).expect("written");
    std::fs::rename(scene.place.path("images"), scene.place.path("elsewhere")).expect("renamed");
    let ended = bisect(&scene.place, &["--resume", &scene.out]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("none of the images that were not tested is there any more"), "{}", ended.stderr);
    assert_eq!(scene.verdicts(), ["none"; 5]);
}

//! The first bad of sixteen images, found by a search that is killed on the way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Place, eventually, root};

const SUITE: &str = "
schema: suite/v1
suite: planted
summary: nothing was planted
tests:
  - id: command-line
    summary: the kernel has no parameter of a stranger
    expect:
      kernel: {cmdline: {lacks: [planted]}}
";

/// The first image that is bad.
const PLANTED: usize = 12;

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(root()).output().expect(program);
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// `lab-tiny`, and the same with one parameter more.
fn plant(place: &Place) -> [PathBuf; 2] {
    let built = run("./images/lab/build", &["--variant", "lab-tiny"]);
    let disk = Path::new(built.trim()).join("disk.qcow2");
    let [good, bad, config] = ["good.raw", "bad.raw", "syslinux.cfg"].map(|name| place.path(name));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    run("qemu-img", &["convert", "-O", "raw", &text(&disk), &text(&good)]);
    std::fs::copy(&good, &bad).expect("copied");
    let partition = format!("{}@@1M", text(&bad));
    run("mcopy", &["-i", &partition, "::/syslinux.cfg", &text(&config)]);
    let lines = std::fs::read_to_string(&config).expect("read").replace(" panic=0 ", " panic=0 planted ");
    assert!(lines.contains("planted"), "{lines}");
    std::fs::write(&config, lines).expect("written");
    run("mcopy", &["-o", "-i", &partition, &text(&config), "::/syslinux.cfg"]);
    [good, bad]
}

fn search(place: &Place) -> serde_json::Value {
    let text = std::fs::read_to_string(place.path("search/bisect.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn tested(search: &serde_json::Value) -> usize {
    search["images"].as_array().map_or(0, |images| images.iter().filter(|image| image.get("verdict").is_some()).count())
}

#[test]
fn the_first_bad_of_sixteen_images_is_found_in_five_runs_also_after_a_kill() {
    let place = Place::new();
    let [good, bad] = plant(&place);
    let suite = place.write("planted.yaml", SUITE);
    let image = |number: usize| place.path(&format!("images/build-{number}.raw"));
    std::fs::create_dir(place.path("images")).expect("made");
    for number in 1..=16 {
        std::fs::hard_link(if number < PLANTED { &good } else { &bad }, image(number)).expect("linked");
    }
    let [first, last, images, out] =
        [image(1), image(16), place.path("images"), place.path("search")].map(|path| path.to_str().unwrap().to_owned());
    let words = ["bisect", "planted/command-line", "--good", &first, "--bad", &last, "--between", &images, "-o", &out];
    let options =
        ["--", "--suites", suite.to_str().unwrap(), "--firmware", "bios", "--cpus", "1", "--image-format", "raw"];

    let mut command = place.command(&[words.as_slice(), options.as_slice()].concat());
    let mut child = command.spawn().expect("started");
    // Two are known, and the third is at work.
    let begun = || tested(&search(&place)) == 2 && std::fs::read_dir(&out).is_ok_and(|entries| entries.count() == 4);
    let reached = eventually(Duration::from_secs(600), begun);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(reached, "{:?}", search(&place));

    let answer = place.run(&["bisect", "--resume", &out], Duration::from_secs(600));
    answer.assert_status(0);
    assert!(answer.stdout.contains(&format!("FIRST BAD {}", image(PLANTED).display())), "{}", answer.stdout);
    let document = std::fs::read_to_string(place.path("search/answer.json")).expect("the answer");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["answer"]["found"], image(PLANTED).to_str().unwrap(), "{document}");
    assert_eq!(document["answer"]["last-good"], image(PLANTED - 1).to_str().unwrap(), "{document}");
    let search = search(&place);
    assert!(tested(&search) <= 5, "{search}");
    // What was known was not tested again.
    let runs = |image: &serde_json::Value| image["runs"].as_array().map_or(0, Vec::len);
    assert!(search["images"].as_array().unwrap().iter().all(|image| runs(image) <= 1), "{search}");
}

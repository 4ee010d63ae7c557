//! The first bad of sixteen images, found by a search that is killed on the way; the one of twenty updates that breaks a
//! service.

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

#[test]
fn an_unusable_image_that_is_tested_first_is_passed_over() {
    let place = Place::new();
    let [good, bad] = plant(&place);
    let suite = place.write("planted.yaml", SUITE);
    let broken = place.write("broken.qcow2", "this is no disk\n");
    let names = [&good, &broken, &bad].map(|path| path.to_str().expect("UTF-8").to_owned());
    let list = place.write("list.txt", &names.join("\n"));
    let out = place.path("search").to_str().expect("UTF-8").to_owned();
    let words = ["bisect", "planted/command-line", "--good", &names[0], "--bad", &names[2], "-o", &out, "--between"];
    let options = ["--", "--suites", suite.to_str().expect("UTF-8"), "--firmware", "bios", "--cpus", "1"];
    let list = [list.to_str().expect("UTF-8")];
    let answer = place.run(&[words.as_slice(), &list, &options].concat(), Duration::from_secs(600));
    answer.assert_status(3);
    assert!(answer.stderr.contains(&format!("INCONCLUSIVE {}: ", names[1])), "{}", answer.stderr);
    assert!(answer.stdout.contains(&format!("last good {}", names[0])), "{}", answer.stdout);
    let search = search(&place);
    let verdicts: Vec<&str> =
        search["images"].as_array().expect("images").iter().flat_map(|i| i["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["good", "inconclusive", "bad"], "{search}");
}

const AGENT: &str = "
schema: suite/v1
suite: planted
summary: what the planted packages do
tests:
  - id: agent
    summary: the agent works
    expect:
      service: {update-agent: {active: active}}
";

/// How many machines of these runs were booted and not cloned.
fn booted(record: &serde_json::Value) -> usize {
    let machines = record["machines"].as_array().into_iter().flatten();
    machines.filter(|machine| machine.get("forked-from").is_none()).count()
}

#[test]
fn the_update_that_breaks_a_service_is_found_among_twenty_from_one_boot() {
    let place = Place::new();
    run("./images/lab/build", &["--variant", "lab-updates"]);
    let suite = place.write("planted.yaml", AGENT);
    let out = place.path("search").to_str().expect("UTF-8").to_owned();
    let words =
        ["bisect", "planted/agent", "--image", "lab-updates", "--packages", "repo:lab-planted", "-o", &out, "--"];
    let options = ["--suites", suite.to_str().expect("UTF-8"), "--cpus", "1"];
    let answer = place.run(&[words.as_slice(), options.as_slice()].concat(), Duration::from_secs(1800));
    answer.assert_status(0);
    let said = &answer.stdout;
    assert!(said.contains("FIRST BAD UPDATE update-agent-1-1.noarch -> update-agent-2-1.noarch"), "{said}");
    assert!(said.contains("The second version of planted-agent") && !said.contains("The first version"), "{said}");
    let search = search(&place);
    let groups = search["packages"]["groups"].as_array().expect("groups");
    let packages = |group: &serde_json::Value| group["packages"].as_array().map_or(0, Vec::len);
    assert_eq!(groups.iter().map(packages).sum::<usize>(), 20, "{search}");
    // Sixteen sources, two of which need each other.
    assert_eq!(groups.len(), 15, "{search}");
    assert!(tested(&search) <= 6, "{search}");
    for image in search["images"].as_array().expect("states") {
        for run in image["runs"].as_array().into_iter().flatten() {
            let file = place.path("search").join(run.as_str().expect("a name")).join("run.json");
            let record: serde_json::Value = serde_json::from_slice(&std::fs::read(file).expect("read")).expect("JSON");
            assert_eq!(booted(&record), 0, "a state was booted: {record}");
        }
    }
    // All that is needed to go on is in the search: its end is said again, and nothing boots.
    let again = place.run(&["bisect", "--resume", &out], Duration::from_secs(60));
    again.assert_status(0);
    assert!(again.stdout.starts_with("FIRST BAD UPDATE ") && said.ends_with(&again.stdout), "{}", again.stdout);
}

/// Files of this host, of which one is no update, one is new, and one cannot be installed; nothing breaks the test.
#[test]
fn updates_from_files_that_break_nothing_are_a_wrong_end() {
    let place = Place::new();
    run("./images/lab/build", &["--variant", "lab-updates"]);
    let suite = place.write("planted.yaml", AGENT);
    let updates = place.path("updates");
    std::fs::create_dir(&updates).expect("made");
    let build = |name: &str, version: &str, needs: &str| {
        let spec = format!(
            "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n{needs}\n\
             %description\nx\n%files\n"
        );
        let spec = place.write(&format!("{name}.spec"), &spec);
        let define = |name: &str, path: &Path| format!("{name} {}", path.display());
        let words = [
            "-bb".to_owned(),
            "--quiet".to_owned(),
            "--define".to_owned(),
            define("_topdir", &place.path("rpmbuild")),
            "--define".to_owned(),
            define("_rpmdir", &updates),
            "--define".to_owned(),
            "_rpmfilename %%{NAME}-%%{VERSION}.rpm".to_owned(),
            spec.display().to_string(),
        ];
        run("rpmbuild", &words.iter().map(String::as_str).collect::<Vec<_>>());
    };
    build("update-01", "3", "Requires: update-new");
    build("update-new", "1", "");
    build("update-02", "3", "Requires: update-nowhere");
    build("update-04", "0.5", "");
    let out = place.path("search").to_str().expect("UTF-8").to_owned();
    let words = ["bisect", "planted/agent", "--image", "lab-updates", "--packages", updates.to_str().expect("UTF-8")];
    let options = ["-o", &out, "--reboot", "--", "--suites", suite.to_str().expect("UTF-8"), "--cpus", "1"];
    let answer = place.run(&[words.as_slice(), options.as_slice()].concat(), Duration::from_secs(1800));
    answer.assert_status(1);
    assert!(
        answer.stdout.contains("lab-updates with all updates that install (2; 1 was left out) is good"),
        "{}",
        answer.stdout
    );
    for said in [&answer.stdout, &answer.stderr] {
        assert!(said.contains("update-02-3-1.noarch cannot be installed"), "{said}");
    }
    assert!(answer.stderr.contains("1 of the files is no update"), "{}", answer.stderr);
    let search = search(&place);
    assert_eq!(tested(&search), 1, "{search}");
}

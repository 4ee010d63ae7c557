//! `muster boot-time`, as far as nothing has to boot for it.

use std::time::Duration;

use muster_boot_time::baseline::Baselines;
use muster_boot_time::formats::json;
use muster_boot_time::sample::Measured;
use muster_boot_time::testing::{measured, series};

use super::support::{Finished, Place, connection};
use muster_guest::loopback::Sshd;

fn muster(place: &Place, words: &[&str]) -> Finished {
    place.run(words, Duration::from_secs(60))
}

fn write(place: &Place, name: &str, measured: &Measured) -> String {
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, json::render(measured).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_was_measured_is_shown_again_and_in_other_formats() {
    let place = Place::new();
    write(&place, "lab/boot-time.json", &measured(1, 5));
    let dir = place.path("lab");
    let dir = dir.to_str().unwrap();
    let shown = muster(&place, &["boot-time", "show", dir]);
    let text = &shown.assert_status(0).stdout;
    for part in ["lab: 5 later boots", "Timings are from emulation", "userspace", "Critical chain of boot"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let trace = muster(&place, &["boot-time", "show", dir, "--format", "trace"]);
    let trace: serde_json::Value = serde_json::from_str(&trace.assert_status(0).stdout).expect("JSON");
    assert!(trace["traceEvents"].as_array().is_some_and(|events| events.len() > 10));
    let several = muster(&place, &["boot-time", "show", dir, "--format", "otava"]);
    assert!(several.assert_status(2).stderr.contains("makes several files"), "{}", several.stderr);
    let out = place.path("otava");
    muster(&place, &["boot-time", "show", dir, "--format", "otava", "--out", out.to_str().unwrap()]).assert_status(0);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn a_history_names_the_first_build_after_a_step_and_draws_it() {
    let place = Place::new();
    let builds = series(7, 24, 5, 20, 1.05);
    let paths: Vec<String> =
        builds.iter().enumerate().map(|(index, build)| write(&place, &format!("b{index:02}.json"), build)).collect();
    // In any order: the time of the measurement counts.
    let mut words: Vec<&str> = vec!["boot-time", "history"];
    words.extend(paths.iter().rev().map(String::as_str));
    let picture = place.path("history.svg");
    let found = muster(&place, &[words.as_slice(), &["--svg", picture.to_str().unwrap()]].concat());
    let text = &found.assert_status(0).stdout;
    assert_eq!(text.matches("SLOWER from").count(), 1, "{text}");
    assert!(text.contains(&format!("SLOWER from {}", builds[20].at)), "{text}");
    assert!(std::fs::read_to_string(&picture).unwrap().contains("<svg"));
    let found = muster(&place, &[words.as_slice(), &["--format", "json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&found.assert_status(0).stdout).expect("JSON");
    assert_eq!((found["schema"].as_str(), found["changes"][0]["index"].as_u64()), (Some("boot-history/v1"), Some(20)));

    assert_eq!(found["verdict"], "changed");

    // Of few builds nobody can say that nothing changed.
    for few in [&paths[..1], &paths[19..21]] {
        let words: Vec<&str> = ["boot-time", "history"].into_iter().chain(few.iter().map(String::as_str)).collect();
        let found = muster(&place, &words);
        let text = &found.assert_status(3).stdout;
        assert!(text.contains("NOT ENOUGH BUILDS: ") && !text.contains("no change"), "{text}");
        let found = muster(&place, &[words.as_slice(), &["--format", "json"]].concat());
        let found: serde_json::Value = serde_json::from_str(&found.assert_status(3).stdout).expect("JSON");
        assert_eq!((&found["verdict"], &found["builds-needed"]), (&"not-enough-builds".into(), &11.into()));
    }

    let mut elsewhere = builds[3].clone();
    elsewhere.series.accelerator = "kvm".into();
    let other = write(&place, "other.json", &elsewhere);
    let apart = muster(&place, &["boot-time", "history", &paths[0], &other]);
    assert!(apart.assert_status(2).stderr.contains("the accelerator differs"), "{}", apart.stderr);
}

#[test]
fn files_that_are_none_are_errors_before_anything_boots() {
    let place = Place::new();
    let whole = json::render(&measured(1, 5)).unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(place.path(name), text).unwrap();
        place.path(name).to_str().unwrap().to_owned()
    };
    let cut = file("cut.json", &whole[..whole.len() / 2]);
    let newer = file("newer.json", &whole.replace("boot-time/v1", "boot-time/v9"));
    let empty = file("empty.json", "");
    for (path, reason) in [
        (cut.as_str(), "ends in line"),
        (&newer, "a later muster wrote"),
        (&empty, "it is empty"),
        ("/no/such.json", "there is no file"),
        ("/no/such", "there is no file"),
    ] {
        let refused = muster(&place, &["boot-time", "show", path]);
        assert!(refused.assert_status(2).stderr.contains(reason), "{path}: {}", refused.stderr);
    }
    let baseline = {
        let mut baselines = Baselines::default();
        baselines.put(measured(1, 5));
        baselines.render().unwrap()
    };
    let half = file("half.json", &baseline[..baseline.len() / 2]);
    for (path, reason) in [
        (half.as_str(), "it cannot be read"),
        (&cut, "it cannot be read"),
        (&newer, "its schema is `boot-time/v9`"),
        ("/no/such.json", "there is no file"),
    ] {
        for option in ["--baseline", "--write-baseline"] {
            if (option, path) == ("--write-baseline", "/no/such.json") {
                continue;
            }
            let refused = muster(&place, &["boot-time", "lab-tiny", option, path]);
            assert!(refused.assert_status(2).stderr.contains(reason), "{option} {path}: {}", refused.stderr);
        }
    }
    let nowhere = muster(&place, &["boot-time", "lab-tiny", "--write-baseline", "/no/such.json"]);
    assert!(nowhere.assert_status(2).stderr.contains("its directory is not there"), "{}", nowhere.stderr);
}

#[test]
fn what_was_typed_is_checked_before_anything_boots() {
    let place = Place::new();
    let there = place.path("there");
    std::fs::create_dir(&there).unwrap();
    for (words, reason) in [
        (vec!["--samples", "0"], "--samples"),
        (vec!["--floor", "1"], "a percentage, such as 1%"),
        (vec!["--floor", "200%"], "is not from 0 to 1"),
        (vec!["--alpha", "2"], "is not from 0.000001 to 0.1"),
        (vec!["--by", "cycles"], "instructions or"),
        (vec!["--export", "pdf"], "possible values"),
        (vec!["--out", there.to_str().unwrap()], "it is there already"),
        (vec!["--baseline", "no-such-image"], "no-such-image"),
    ] {
        let refused = muster(&place, &[&["boot-time", "lab-tiny"], words.as_slice()].concat());
        assert!(refused.assert_status(2).stderr.contains(reason), "{words:?}: {}", refused.stderr);
    }
}

#[test]
fn what_systemd_analyze_printed_is_read_and_what_says_nothing_is_no_pass() {
    let place = Place::new();
    let file = |name: &str, text: &str| {
        std::fs::write(place.path(name), text).unwrap();
        place.path(name).to_str().unwrap().to_owned()
    };
    let boot = file(
        "boot.txt",
        "Startup finished in 4.160s (firmware) + 2.796s (loader) + 5.831s (kernel) + 18.885s (userspace) = 31.673s\n\
         graphical.target reached after 18.2s in userspace.\n",
    );
    let odd =
        file("odd.txt", "Startup finished in 2.020ms (kernel) + 8.866s (initrd) + 14.894s (userspace) = 25.782s\n");
    let hung =
        file("hung.txt", "Bootup is not yet finished (org.freedesktop.systemd1.Manager.FinishTimestampMonotonic=0).\n");
    let other = file("other.txt", "[ 0.000000] Linux version 6.12\n");
    let read = muster(&place, &["boot-time", "import", &boot]);
    let text = &read.assert_status(0).stdout;
    for part in ["firmware", "18.9 s", "31.7 s", "graphical.target after 18.2 s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let read = muster(&place, &["boot-time", "import", &boot, "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&read.assert_status(0).stdout).expect("JSON");
    assert_eq!(rows[0]["phases-micros"]["kernel"].as_u64(), Some(5_831_000));
    for (path, reason) in [(&odd, "do not add up"), (&hung, "had not finished")] {
        let read = muster(&place, &["boot-time", "import", &boot, path]);
        assert!(read.assert_status(3).stderr.contains(reason), "{}", read.stderr);
        assert!(read.stdout.contains("31.7 s"), "{}", read.stdout);
    }
    assert!(muster(&place, &["boot-time", "import", &other]).assert_status(2).stderr.contains("other.txt"));
}

/// `muster boot-time --connect` to the server, with these words in addition.
fn connected(place: &Place, sshd: &Sshd, more: &[&str]) -> Finished {
    let connection = connection(sshd);
    let words: Vec<&str> = std::iter::once("boot-time").chain(connection.iter().map(String::as_str)).collect();
    muster(place, &[words.as_slice(), more].concat())
}

#[test]
fn the_boot_of_a_machine_that_is_up_is_read_as_far_as_it_says_itself() {
    let (sshd, place) = (Sshd::start().unwrap(), Place::new());
    let out = place.path("out");
    let ended = connected(&place, &sshd, &["--name", "desk", "--out", out.to_str().unwrap()]);
    let text = std::fs::read_to_string(out.join("boot-time.json")).expect("what was read is kept");
    let measured = json::read(&text).expect("boot-time.json");
    let series = &measured.series;
    assert_eq!(
        (series.image.as_str(), series.accelerator.as_str(), series.boots.name()),
        ("desk", "unknown", "unseen")
    );
    assert_eq!(measured.samples.len(), 1);
    assert!(measured.not_measured.iter().any(|what| what.contains("instructions")), "{:?}", measured.not_measured);
    // This host is the machine.
    if std::path::Path::new("/run/systemd/system").is_dir() {
        assert!(ended.assert_status(0).stdout.contains("desk: 1 unseen boot"), "{}", ended.stdout);
    } else {
        let why = "the machine has no systemd, and nobody saw its boot";
        assert!(ended.assert_status(3).stderr.contains(why), "{}", ended.stderr);
        assert!(ended.stdout.contains("desk: 0 unseen boots"), "{}", ended.stdout);
    }
    let again = connected(&place, &sshd, &["--out", out.to_str().unwrap()]);
    assert!(again.assert_status(2).stderr.contains("it is there already"), "{}", again.stderr);
}

#[test]
fn one_boot_that_nobody_saw_is_compared_with_nothing() {
    let place = Place::new();
    for words in [
        vec!["lab-tiny"],
        vec!["--image", "lab-tiny"],
        vec!["--cpus", "1"],
        vec!["--samples", "5"],
        vec!["--baseline", "lab-tiny"],
        vec!["--write-baseline", "boot.json"],
        vec!["--family", "x"],
        vec!["--by", "wall"],
        vec!["--alpha", "0.05"],
        vec!["--floor", "2%"],
        vec!["--later"],
    ] {
        let refused = muster(&place, &[&["boot-time", "--connect", "root@192.0.2.7"], words.as_slice()].concat());
        assert!(refused.assert_status(2).stderr.contains("cannot be used with"), "{words:?}: {}", refused.stderr);
    }
    for (words, reason) in [
        (vec!["--connect", "192.0.2.7"], "it does not say who logs in"),
        (vec!["--connect", "root@192.0.2.7"], "--connect needs a private key"),
        (vec!["--identity", "key"], "--connect"),
        (vec!["--connect", "root@192.0.2.7", "--allow-changes"], "--allow-changes"),
    ] {
        let refused = muster(&place, &[&["boot-time"], words.as_slice()].concat());
        assert!(refused.assert_status(2).stderr.contains(reason), "{words:?}: {}", refused.stderr);
    }
}

#[test]
fn the_boots_that_a_run_is_given_must_be_there_and_of_one_of_its_images() {
    let place = Place::new();
    let mut baselines = Baselines::default();
    baselines.put(measured(1, 5));
    let whole = baselines.render().unwrap();
    std::fs::write(place.path("boot.json"), &whole).unwrap();
    std::fs::write(place.path("cut.json"), &whole[..whole.len() / 2]).unwrap();
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    for (file, reason) in [
        (path("none.json"), "there is no file"),
        (path("cut.json"), "it cannot be read"),
        (path("boot.json"), "it has no later boots of lab-tiny"),
    ] {
        let words = ["run", "boot-time", "--image", "lab-tiny", "--boot-baseline", &file];
        let refused = muster(&place, &words);
        assert!(refused.assert_status(2).stderr.contains(reason), "{file}: {}", refused.stderr);
        assert!(!place.path("run").exists(), "nothing was begun");
    }
    let words = ["run", "boot-time", "--connect", "root@192.0.2.7", "--boot-baseline", &path("boot.json")];
    assert!(muster(&place, &words).assert_status(2).stderr.contains("cannot be used with"));
}

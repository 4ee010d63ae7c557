//! Boots of real machines, measured and compared.

use std::time::Duration;

use serde_json::Value;

use crate::support::Place;

/// A handful of boots of lab-tiny, several times slower on a busy host.
const LIMIT: Duration = Duration::from_secs(600);

fn read(place: &Place, name: &str) -> Value {
    let text = std::fs::read_to_string(place.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

/// `(max - min) / median` of the totals of all samples.
fn spread(measured: &Value, of: &str) -> f64 {
    let samples = measured["samples"].as_array().expect("samples");
    let mut totals: Vec<u64> = samples.iter().map(|sample| sample["total"][of].as_u64().expect(of)).collect();
    totals.sort_unstable();
    (totals[totals.len() - 1] - totals[0]) as f64 / totals[totals.len() / 2] as f64
}

#[test]
fn an_image_against_itself_is_no_change_and_instructions_are_steady() {
    let place = Place::new();
    let (out, kept) = (place.path("out"), place.path("baseline.json"));
    let (out, kept) = (out.to_str().unwrap(), kept.to_str().unwrap());
    // Its loader waits by spinning, so that five boots on a busy host may differ by more than the usual floor, which is undecided.
    let words = ["boot-time", "lab-tiny", "--baseline", "lab-tiny", "--floor", "5%", "--accel", "tcg"];
    let ended = place.run(&[words.as_slice(), &["--out", out, "--write-baseline", kept]].concat(), LIMIT);
    let text = &ended.assert_status(0).stdout;
    for part in ["lab-tiny: 5 first boots", "NO CHANGE", "until sshd answers", "0.01"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let measured = read(&place, "out/boot-time.json");
    // A loader that waits by spinning counts more on a busy host: 3 % were seen here, where times moved by 28 %.
    assert!(spread(&measured, "instructions") < 0.05, "{}", measured["samples"]);
    let comparison = read(&place, "out/comparison.json");
    assert_eq!((comparison["verdict"].as_str(), comparison["by"].as_str()), (Some("no-change"), Some("instructions")));
    for picture in ["phases.svg", "distribution.svg", "waterfall.svg"] {
        assert!(std::fs::read_to_string(place.path("out").join(picture)).unwrap().contains("</svg>"), "{picture}");
    }
    let first = &measured["samples"][0];
    let phases: Vec<&str> =
        first["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    // BIOS and its loader are seen on the console, the kernel by its clock; without systemd there is no more.
    assert_eq!(phases, ["firmware", "loader"], "{first}");

    // What was kept is found again, and one boot can never differ from it significantly.
    let compared = |name: &str, more: &[&str]| {
        let out = place.path(name);
        let words = ["boot-time", "lab-tiny", "--samples", "1", "--baseline", kept, "--accel", "tcg", "--out"];
        place.run(&[words.as_slice(), &[out.to_str().unwrap()], more].concat(), LIMIT)
    };
    let ended = compared("one", &[]);
    assert!(ended.assert_status(3).stdout.contains("NOT ENOUGH SAMPLES"), "{}", ended.stdout);
    // Another machine's is refused, with the nearest that there is.
    let ended = compared("other", &["--guest-memory", "320MiB"]);
    assert!(ended.assert_status(3).stderr.contains("has no entry for first boots of lab-tiny"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the nearest is"), "{}", ended.stderr);
}

#[test]
fn a_later_boot_counts_nothing_of_what_was_before_it() {
    let place = Place::new();
    let out = place.path("out");
    // lab-tiny makes its host key at each boot, and is then not known to be the same machine.
    let words = ["boot-time", "lab", "--later", "--samples", "2", "--cpus", "1", "--accel", "tcg", "--out"];
    let ended = place.run(&[words.as_slice(), &[out.to_str().unwrap()]].concat(), LIMIT);
    assert!(ended.assert_status(0).stdout.contains("lab: 2 later boots"), "{}", ended.stdout);
    let measured = read(&place, "out/boot-time.json");
    // Counted from QEMU's start, the second would be one and a half times the first.
    assert!(spread(&measured, "instructions") < 0.2, "{}", measured["samples"]);
}

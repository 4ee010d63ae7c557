//! `muster doctor --ci`: its program runs on real machines of both architectures, and what cannot boot is said.

use std::time::Duration;

use muster_base::machine::Arch;
use muster_qemu::first_boot::first_boot;
use muster_qemu::{AccelRequest, Spawner, accel};

use crate::support::Place;

#[test]
fn a_machine_without_an_image_boots_and_does_its_work_on_both_architectures() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let place = Place::new();
        let dir = place.path("cache");
        std::fs::create_dir(&dir).unwrap();
        let accel = accel::choose(AccelRequest::Auto).unwrap().for_arch(arch);
        let spawner = Spawner::new().unwrap();
        let booted = runtime.block_on(first_boot(&accel, arch, &dir, &spawner)).unwrap();
        // A hundred million rounds are no moment anywhere: an answer sooner is none of this program.
        assert!(booted.work > Duration::from_millis(20), "{arch}: {booted:?}");
        assert!(booted.firmware > Duration::from_millis(50), "{arch}: {booted:?}");
        assert_eq!(dir.read_dir().unwrap().count(), 0, "{arch}: something is left over");
    }
}

#[test]
fn a_runner_says_within_three_minutes_that_it_boots_and_how_fast() {
    let place = Place::new();
    let ended = place.run(&["doctor", "--ci", "--format", "json"], Duration::from_secs(180));
    let said: serde_json::Value = serde_json::from_str(&ended.assert_status(0).stdout).unwrap();
    assert_eq!(said["can-boot"], true, "{said}");
    for key in ["firmware-seconds", "work-seconds", "slower", "seconds"] {
        assert!(said[key].as_f64().is_some_and(|value| value > 0.0), "{key}: {said}");
    }
    let suites = said["suites"].as_array().unwrap();
    assert_eq!(suites.iter().map(|row| row["shards"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 4, 8]);
    assert!(said["seconds"].as_f64().unwrap() < 180.0, "{said}");
}

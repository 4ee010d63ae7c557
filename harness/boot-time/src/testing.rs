//! Measured boots that were made up from a number, for tests and for the example that shows the formats.

use crate::sample::{Cost, Link, Mark, Measured, Phase, PhaseName, Population, SCHEMA, Sample, Series, Unit};

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// About normal: mean 1, standard deviation `noise`.
    fn near_one(&mut self, noise: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| (self.next() >> 11) as f64 / (1u64 << 53) as f64).sum();
        1.0 + (sum - 6.0) * noise
    }

    fn near(&mut self, value: u64, noise: f64) -> u64 {
        (value as f64 * self.near_one(noise)) as u64
    }
}

/// Standard deviation of one boot's time, as a part of it.
const NOISE: f64 = 0.004;
/// Seconds since 1970 of the first measurement: 2026-03-01T06:00:00Z.
const FIRST: i64 = 1_772_344_800;

/// `boots` boots of one image with UEFI and an initrd of systemd.
pub fn measured(seed: u64, boots: u32) -> Measured {
    one(seed, boots, 0, 1.0)
}

/// One measurement a day of `builds` builds, whose units take `factor` times as long from the build `step` on (from 0).
pub fn series(seed: u64, builds: u32, boots: u32, step: u32, factor: f64) -> Vec<Measured> {
    (0..builds).map(|build| one(seed, boots, build, if build < step { 1.0 } else { factor })).collect()
}

/// Names that a guest may give its units to break a file that somebody else reads.
pub fn hostile_names() -> Vec<String> {
    let plain = [
        "",
        " ",
        "\n",
        "\r\n# EOF\n",
        "a.service\n# EOF\nmuster_boot_total_seconds 0",
        "\"",
        "\\",
        "\\\"",
        "a\\",
        "\\n",
        "a,b,c",
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "a|b",
        "a\\|b",
        "`",
        "``` `",
        "<script>alert(1)</script>",
        "[x](javascript:alert)",
        "![x](https://example.org/x)",
        "@everyone",
        "#1",
        "&amp;&#124;",
        "${HOME} %{x} {{x}} $(id)",
        "- a: b",
        "a: b #c",
        "!!python/object:os.system",
        "&a *a",
        "'",
        "null",
        "1e999",
        "NaN",
        "\u{0}",
        "\u{1b}[31m\u{1b}]0;x\u{7}",
        "\u{202e}ecivres.a",
        "\u{2028}\u{2029}\u{85}\u{feff}\u{ffff}",
        "a-bencher-ignore",
        "123e4567-e89b-12d3-a456-426614174000",
        "__proto__",
        "🦀.service",
        "e\u{301}",
    ];
    let mut names: Vec<String> = plain.map(str::to_owned).into();
    names.extend(["x", "é", "🦀", "\"", "\\", "\u{1b}", "\u{202e}"].map(|text| text.repeat(5_000)));
    names
}

/// The same boots with each of these names wherever a guest or a file's name decides what stands there.
pub fn with_name(measured: &Measured, name: &str) -> Measured {
    let mut measured = measured.clone();
    let series = &mut measured.series;
    for text in [&mut series.image, &mut series.accelerator, &mut series.machine, &mut series.qemu, &mut series.host] {
        name.clone_into(text);
    }
    name.clone_into(&mut measured.muster);
    measured.not_measured.push(name.to_owned());
    for sample in &mut measured.samples {
        name.clone_into(&mut sample.boot_id);
        name.clone_into(&mut sample.marks[0].name);
        name.clone_into(&mut sample.units[0].name);
        name.clone_into(&mut sample.chain[0].unit);
    }
    measured
}

fn one(seed: u64, boots: u32, build: u32, factor: f64) -> Measured {
    let mut numbers = Numbers(seed ^ (u64::from(build) << 32));
    let sha256 = (0..4).map(|_| format!("{:016x}", numbers.next())).collect();
    let at = jiff::Timestamp::from_second(FIRST + i64::from(build) * 86_400).unwrap_or_default();
    Measured {
        schema: SCHEMA.into(),
        muster: "0.1.0 (made up)".into(),
        at: at.to_string(),
        series: Series {
            image: "lab".into(),
            accelerator: "tcg".into(),
            machine: "x86_64 1024MiB 1cpu uefi virtio-blk".into(),
            qemu: "10.0.2".into(),
            host: "Made-up CPU, 2 processors".into(),
            boots: Population::Later,
        },
        image_sha256: sha256,
        samples: (1..=boots).map(|number| boot(&mut numbers, number, factor)).collect(),
        not_measured: Vec::new(),
    }
}

fn boot(numbers: &mut Numbers, number: u32, factor: f64) -> Sample {
    let boot_noise = numbers.near_one(NOISE);
    let mut cost = |micros: u64, factor: f64| {
        let micros = micros as f64 * factor;
        let time = (micros * boot_noise) as u64;
        Cost { micros: numbers.near(time, 0.001), instructions: Some(numbers.near((micros * 900.0) as u64, 0.0005)) }
    };
    let plain = [
        (PhaseName::Firmware, 3_100_000),
        (PhaseName::Loader, 900_000),
        (PhaseName::Kernel, 4_200_000),
        (PhaseName::Initrd, 2_500_000),
    ];
    let mut costs: Vec<(PhaseName, Cost)> = plain.map(|(name, micros)| (name, cost(micros, 1.0))).into();
    costs.push((PhaseName::Userspace, cost(11_000_000, factor)));
    let (mut start, mut phases) = (0, Vec::new());
    for (name, cost) in costs {
        phases.push(Phase { name, start, cost });
        start += cost.micros;
    }
    let userspace = phases[4].start;
    // Offset in userspace and duration, in thousandths of it; sockets and early services overlap.
    let shape = [
        ("systemd-journald.service", 10, 60),
        ("systemd-udevd.service", 40, 120),
        ("dev-disk-by\\x2dlabel-root.device", 45, 200),
        ("local-fs.target", 260, 0),
        ("systemd-networkd.service", 270, 180),
        ("cloud-init.service", 450, 300),
        ("sshd.service", 760, 90),
        ("multi-user.target", 990, 0),
    ];
    let part = |thousandths: u64| phases[4].cost.micros * thousandths / 1000;
    let units: Vec<Unit> = shape
        .iter()
        .map(|(name, begin, took)| Unit {
            name: (*name).into(),
            start: userspace + part(*begin),
            cost: Cost { micros: part(*took), instructions: Some(part(*took) * 900) },
        })
        .collect();
    let chain = [7, 6, 5, 4].map(|place: usize| {
        let unit = &units[place];
        Link { unit: unit.name.clone(), active: unit.start + unit.cost.micros, own: unit.cost }
    });
    let instructions = phases.iter().filter_map(|phase| phase.cost.instructions).sum();
    let mark = |name: &str, at: u64| Mark { name: name.into(), at, instructions: None };
    Sample {
        number,
        boot_id: format!("00000000-0000-4000-8000-{number:012}"),
        guest_zero: Some(phases[2].start),
        guest_zero_within: Some(900),
        marks: vec![mark("sshd-answers", userspace + part(860)), mark("boot-finished", start)],
        phases,
        total: Some(Cost { micros: start, instructions: Some(instructions) }),
        units,
        chain: chain.into(),
        hung: Vec::new(),
        inconclusive: None,
        calibration: Some([150_000, 150_300]),
    }
}

//! Writes every picture, made of seeded data, into a directory: `cargo run -p muster-boot-time --example pictures -- OUT`.

use std::path::Path;

use muster_boot_time::by::By;
use muster_boot_time::median::median;
use muster_boot_time::pictures::distribution::{Distribution, Interval, Row};
use muster_boot_time::pictures::history::{Build, Change, History};
use muster_boot_time::pictures::phases::Phases;
use muster_boot_time::pictures::side::Side;
use muster_boot_time::pictures::waterfall::Waterfall;
use muster_boot_time::sample::{Cost, Link, Mark, Phase, PhaseName, Sample, Unit};

/// xorshift64*: the same numbers on every host.
struct Seeded(u64);

impl Seeded {
    /// From 0 up to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `value`, up to `part` of it more or less.
    fn around(&mut self, value: f64, part: f64) -> u64 {
        (value * (1.0 + part * (self.next() + self.next() - 1.0))) as u64
    }
}

/// Name, start, length in milliseconds, and what it alone adds when it is on the critical chain.
const UNITS: [(&str, u64, u64, Option<u64>); 26] = [
    ("systemd-journald.service", 3_850, 310, Some(310)),
    ("systemd-modules-load.service", 3_860, 90, None),
    ("systemd-sysctl.service", 3_960, 60, None),
    ("systemd-udev-trigger.service", 3_900, 420, None),
    ("systemd-udevd.service", 4_160, 260, Some(260)),
    ("dev-disk-by\\x2dlabel-cidata.device", 4_100, 1_900, None),
    ("systemd-tmpfiles-setup.service", 4_450, 140, None),
    ("systemd-remount-fs.service", 4_050, 80, None),
    ("boot-efi.mount", 4_600, 70, None),
    ("auditd.service", 4_650, 230, None),
    ("systemd-resolved.service", 4_700, 380, None),
    ("cloud-init-local.service", 4_420, 1_350, Some(1_350)),
    ("systemd-networkd.service", 5_770, 420, Some(420)),
    ("systemd-networkd-wait-online.service", 5_400, 2_030, Some(1_240)),
    ("cloud-init.service", 7_430, 1_130, Some(1_130)),
    ("dbus-broker.service", 5_200, 130, None),
    ("systemd-logind.service", 5_360, 270, None),
    ("chronyd.service", 5_300, 240, None),
    ("sshd-keygen@ed25519.service", 5_320, 610, None),
    ("sshd.service", 8_560, 190, None),
    ("cloud-config.service", 8_570, 720, Some(720)),
    ("cloud-final.service", 9_290, 880, Some(880)),
    ("systemd-user-sessions.service", 8_600, 60, None),
    ("getty@tty1.service", 8_700, 20, None),
    ("kdump.service", 8_800, 940, None),
    ("waagent.service", 8_760, 310, None),
];

fn boot(number: u32, slower: f64, seeded: &mut Seeded) -> Sample {
    let cost = |micros: u64, seeded: &mut Seeded| Cost {
        micros,
        instructions: Some(seeded.around(micros as f64 * 820.0, 0.004)),
    };
    let lengths = [
        (PhaseName::Firmware, 1_210e3),
        (PhaseName::Loader, 330e3),
        (PhaseName::Kernel, 940e3),
        (PhaseName::Initrd, 1_320e3),
        (PhaseName::Userspace, 6_370e3 * slower),
    ];
    let (mut start, mut phases) = (0, Vec::new());
    for (name, length) in lengths {
        let micros = seeded.around(length, 0.05);
        phases.push(Phase { name, start, cost: cost(micros, seeded) });
        start += micros;
    }
    let instructions = phases.iter().filter_map(|phase| phase.cost.instructions).sum();
    let stretch = start as f64 / 10_170e3;
    let at = |millis: u64| (millis as f64 * 1e3 * stretch) as u64;
    let plain = |millis: u64| Cost { micros: at(millis), instructions: None };
    let units =
        UNITS.iter().map(|(name, start, long, _)| Unit { name: (*name).into(), start: at(*start), cost: plain(*long) });
    let mut units: Vec<Unit> = units.collect();
    let filler = (0..58u64).map(|nth| Unit {
        name: format!("modprobe@{nth}.service"),
        start: at(3_900 + nth * 40),
        cost: plain(8 + nth % 7),
    });
    units.extend(filler);
    units.sort_by_key(|unit| unit.start);
    let mut chain = vec![Link { unit: "multi-user.target".into(), active: at(10_170), own: Cost::default() }];
    let links = UNITS.iter().rev().filter_map(|(name, start, long, own)| {
        own.map(|own| Link { unit: (*name).into(), active: at(start + long), own: plain(own) })
    });
    chain.extend(links);
    let mark = |name: &str, millis: u64| Mark { name: name.into(), at: at(millis), instructions: None };
    Sample {
        number,
        boot_id: format!("{number:032x}"),
        guest_zero: Some(phases[2].start),
        guest_zero_within: Some(2_000),
        phases,
        marks: vec![mark("sshd-answers", 8_750), mark("default-target", 10_170), mark("boot-finished", 10_170)],
        total: Some(Cost { micros: start, instructions: Some(instructions) }),
        units,
        chain,
        hung: Vec::new(),
        inconclusive: None,
        calibration: None,
    }
}

fn boots(count: u32, slower: f64, seed: u64) -> Vec<Sample> {
    let mut seeded = Seeded(seed);
    (1..=count).map(|number| boot(number, slower, &mut seeded)).collect()
}

/// An interval as wide as a fifth of what was seen; a picture does not compute one.
fn row<'a>(name: &'a str, samples: &'a [Sample], by: By) -> Row<'a> {
    let side = Side { name, samples };
    let totals: Vec<u64> = side.totals(by).into_iter().map(|(_, total)| total).collect();
    let (low, high) = (totals.iter().min().copied().unwrap_or(0), totals.iter().max().copied().unwrap_or(0));
    let part = (high - low) / 5;
    let interval = side.median(by).map(|it| Interval { low: it - part, high: it + part, confidence: 0.95 });
    Row { side, interval }
}

fn series(count: usize, seed: u64) -> Vec<Build> {
    let mut seeded = Seeded(seed);
    let build = |nth: usize| {
        let level = if nth < count / 3 {
            9.1e6
        } else if nth < count * 3 / 4 {
            10.3e6
        } else {
            9.7e6
        };
        let samples: Vec<u64> = (0..5).map(|_| seeded.around(level, 0.03)).collect();
        let (month, day) = (1 + nth / 28 % 12, 1 + nth % 28);
        let label = format!("4.0.{}{month:02}{day:02}", 2026 + nth / 336);
        Build { label, median: median(samples.clone()).unwrap_or(0), samples }
    };
    (0..count).map(build).collect()
}

fn main() -> std::io::Result<()> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "target/pictures".into());
    std::fs::create_dir_all(&out)?;
    let write = |name: &str, text: String| std::fs::write(Path::new(&out).join(format!("{name}.svg")), text);
    let (old, new) = (boots(9, 1.0, 7), {
        let mut new = boots(9, 1.13, 11);
        new[4].inconclusive = Some("the host was busy: calibration took 41 % longer".into());
        new
    });
    let (fedora, azure) = ("fedora-43-x86_64", "azure-linux-4.0-rc2");
    let (baseline, candidate) = (Side { name: fedora, samples: &old }, Side { name: azure, samples: &new });
    for by in [By::Time, By::Instructions] {
        let name = |picture: &str| format!("{picture}-{}", by.name());
        write(&name("phases"), Phases { id: &name("phases"), by, baseline: Some(baseline), candidate }.svg())?;
        let (before, after) = (row(fedora, &old, by), row(azure, &new, by));
        let all = Distribution { id: &name("all"), by, baseline: Some(before), candidate: after, floor: Some(0.02) };
        write(&name("distribution"), all.svg())?;
    }
    write("phases-alone", Phases { id: "alone", by: By::Time, baseline: None, candidate }.svg())?;
    write("waterfall", Waterfall { id: "median", side: candidate }.svg())?;
    for (count, name) in [(40usize, "history"), (900, "history-long")] {
        let builds = series(count, 5);
        let changes = [Change { index: count / 3, ratio: 1.131 }, Change { index: count * 3 / 4, ratio: 0.942 }];
        write(name, History { id: name, by: By::Time, name: azure, builds: &builds, changes: &changes }.svg())?;
    }
    let many = boots(10_000, 1.05, 3);
    let some = row(azure, &many, By::Time);
    let all = Distribution {
        id: "many",
        by: By::Time,
        baseline: Some(row(fedora, &old, By::Time)),
        candidate: some,
        floor: Some(0.02),
    };
    write("distribution-10000", all.svg())?;
    write("phases-10000", Phases { id: "p-many", by: By::Time, baseline: None, candidate: some.side }.svg())?;
    let hostile = {
        let mut sample = boot(1, 1.0, &mut Seeded(9));
        sample.units[7].name = "</text><script>alert('boot')</script>\u{202e}gpj.exe\x1b[31m".into();
        sample.units[30].name = "单元".repeat(60);
        [sample]
    };
    write("hostile", Waterfall { id: "hostile", side: Side { name: "<b>image</b> & co", samples: &hostile } }.svg())?;
    write("empty", Waterfall { id: "empty", side: Side { name: azure, samples: &new[4..5] } }.svg())
}

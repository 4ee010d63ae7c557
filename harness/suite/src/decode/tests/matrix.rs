//! Suites with a matrix.

use super::*;

const MATRIX: &str = "schema: suite/v1
suite: kernel
matrix:
  cpu: [x86-64-v2, x86-64-v3]
  firmware: [bios, uefi-secure]
  flavour: [plain]
  exclude: [{cpu: x86-64-v2, firmware: uefi-secure}, {image: fedora-43-cloud, firmware: bios}]
tests:
  - {id: a, steps: [run: 'echo ${matrix.cpu} ${matrix.flavour}']}
  - {id: b, needs: [a], when: arch == x86_64, steps: [run: x]}
";

#[test]
fn a_matrix_asks_every_test_once_for_every_combination() {
    let suite = good(MATRIX);
    let ids: Vec<_> = suite.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "a[cpu=x86-64-v2,firmware=bios,flavour=plain]",
            "b[cpu=x86-64-v2,firmware=bios,flavour=plain]",
            "a[cpu=x86-64-v3,firmware=bios,flavour=plain]",
            "b[cpu=x86-64-v3,firmware=bios,flavour=plain]",
            "a[cpu=x86-64-v3,firmware=uefi-secure,flavour=plain]",
            "b[cpu=x86-64-v3,firmware=uefi-secure,flavour=plain]",
        ]
    );
    assert_eq!(suite.tests[3].needs, [ids[2]], "a need is of the same combination");
    assert_eq!(suite.tests[3].base_id(), "b");
    let commands = suite.tests.iter().step_by(2).map(|test| match &test.steps[0].action {
        Action::Run { command, .. } => command.as_str(),
        _ => panic!(),
    });
    assert_eq!(commands.collect::<Vec<_>>(), ["echo x86-64-v2 plain", "echo x86-64-v3 plain", "echo x86-64-v3 plain"]);
    let overrides = &suite.tests[5].machine;
    assert_eq!(
        (overrides.cpu.as_deref(), overrides.firmware),
        (Some("x86-64-v3"), Some(muster_base::machine::FirmwareKind::UefiSecure))
    );
    assert!(!overrides.is_plain());
    let when = |at: usize| suite.tests[at].when.as_ref().map(|when| when.condition.to_string());
    assert_eq!(when(2).as_deref(), Some("image != fedora-43-cloud"));
    assert_eq!(when(3).as_deref(), Some("arch == x86_64 and image != fedora-43-cloud"));
    assert_eq!(when(4), None);
}

#[test]
fn every_dimension_of_machines_is_typed() {
    let text = "schema: suite/v1\nsuite: s\nmatrix: {tpm: [true], bus: [sata], memory: [1.5 GiB], cpus: [4], image: [lab], cpu: [max], kernel: [kernel-6.12.40-1.azl4]}\ntests:\n- {id: t, steps: [run: x]}\n";
    let suite = good(text);
    assert_eq!(
        suite.tests[0].id,
        "t[tpm=true,bus=sata,memory=1.5GiB,cpus=4,image=lab,cpu=max,kernel=kernel-6.12.40-1.azl4]"
    );
    assert_eq!(
        suite.tests[0].machine,
        MachineOverrides {
            image: Some("lab".into()),
            cpu: Some("max".into()),
            firmware: None,
            tpm: Some(true),
            bus: Some(muster_base::machine::DiskBus::Sata),
            memory: Some(3 << 29),
            cpus: Some(4),
            kernel: Some(crate::matrix_kernel::MatrixKernel::Package("kernel-6.12.40-1.azl4".into())),
        }
    );
    assert_eq!(suite.tests[0].when.as_ref().unwrap().condition.to_string(), "image == lab");
    let plain =
        good(&text.replace(
            "tpm: [true], bus: [sata], memory: [1.5 GiB], cpus: [4], image: [lab], cpu: [max], kernel: [kernel-6.12.40-1.azl4]",
            "image: [lab]",
        ));
    assert!(plain.tests[0].machine.is_plain(), "an image alone is no shape");
    // Which kernel a name without a version means would change with the repository.
    for kernel in ["kernel", "kernel-core", "kernel 6", "-6.12", "kernel-6.12~rc1"] {
        assert_eq!(bad(&text.replace("kernel-6.12.40-1.azl4", kernel)).len(), 1, "{kernel}");
    }
}

#[test]
fn an_error_in_a_matrix_is_said_once_and_a_test_that_no_combination_allows_too() {
    assert_eq!(bad(&MATRIX.replace("run: x", "runn: x")), ["unknown-key 10:55"]);
    let uefi = MATRIX.replace("when: arch == x86_64", "when: firmware == uefi");
    assert_eq!(good(&uefi).tests.len(), 6, "one combination allows it");
    let never = uefi.replace("[bios, uefi-secure]", "[bios]").replace("{cpu: x86-64-v2, firmware: uefi-secure}, ", "");
    assert_eq!(bad(&never), ["never-true 10:31"]);
    assert_eq!(bad(&MATRIX.replace("${matrix.flavour}", "${matrix.flavor}")), ["unused-var 6:3", "unknown-var 9:46"]);
}

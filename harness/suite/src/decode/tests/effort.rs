//! Suites that are made to take long are refused soon.

use super::*;

#[test]
fn hostile_suites_end_soon() {
    let started = std::time::Instant::now();
    // A hundred thousand unknown keys, subjects, unknown needs, and a chain of needs as long as a file.
    let keys: String = (0..60_000).map(|n| format!("k{n}: 1\n")).collect();
    let (_, problems) = decode(&format!("schema: suite/v1\n{keys}"));
    assert!(problems.len() > 60_000);
    let subjects: String = (0..40_000).map(|n| format!(" p{n}: installed,")).collect();
    let suite =
        good(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, expect: {{package: {{{subjects}}}}}}}\n"));
    assert_eq!(suite.tests[0].expect.len(), 40_000);
    let chain: String =
        (1..10_000).map(|n| format!("- {{id: t{n}, needs: [t{}], steps: [run: x]}}\n", n - 1)).collect();
    let suite = good(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t0, steps: [run: x]}}\n{chain}"));
    assert_eq!(suite.tests.len(), 10_000);
    let var = "x".repeat(50_000);
    let uses = "- {id: t, steps: [run: '${v}']}\n".repeat(3_000);
    assert!(
        bad(&format!("schema: suite/v1\nsuite: s\nvars: {{v: {var}}}\ntests:\n{uses}"))
            .iter()
            .any(|p| p.starts_with("too-many"))
    );
    let patterns: String = (0..600).map(|n| format!("{{run: x, stdout: {{matches: '[a-f]{{2}}{n}'}}}},")).collect();
    assert!(
        bad(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, steps: [{patterns}]}}\n"))
            .iter()
            .any(|p| p.starts_with("too-many"))
    );
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn hostile_combinations_end_soon() {
    let started = std::time::Instant::now();
    let values = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let tests =
        |n: usize| (0..n).map(|n| format!("- {{id: t{n}, steps: [run: 'x ${{matrix.a}}']}}\n")).collect::<String>();
    let header = "schema: suite/v1\nsuite: s\n";
    // 256 combinations of 5,000 tests would be more than a million.
    let matrix = format!("{header}matrix: {{a: [{}]}}\ntests:\n{}", values(256), tests(5_000));
    assert_eq!(bad(&matrix), ["too-many 1:1"]);
    let (_, problems) = decode(&format!("{header}matrix: {{a: [{}]}}\ntests:\n{}", values(50_000), tests(1)));
    assert!(problems.iter().any(|problem| problem.code == "too-many"));
    // Many dimensions of one value are one combination, whose names would be without end.
    let dimensions: String = (0..20_000).map(|n| format!("d{n}: [x], ")).collect();
    assert!(!bad(&format!("{header}matrix: {{{dimensions}}}\ntests:\n{}", tests(1))).is_empty());
    // One test that is repeated for everything, and a need of all of it by all of it.
    let each = |body: &str| format!("{header}tests:\n- {{id: a, for-each: {{v: [{}]}}, {body}}}\n", values(5_000));
    let (suite, _) = decode(&each("steps: [run: 'x ${v}']"));
    assert_eq!(suite.map(|suite| suite.tests.len()), Some(5_000));
    let needy = format!(
        "{}- {{id: b, for-each: {{v: [{}]}}, needs: [a], steps: [run: 'x ${{v}}']}}\n",
        each("steps: [run: 'x ${v}']"),
        values(5_000)
    );
    let (suite, problems) = decode(&needy);
    assert!(suite.is_none() && problems.iter().all(|problem| problem.code == "too-many"));
    // Adjustments of many subjects, all of which are there.
    let subjects = |word: &str| (0..8_000).map(|n| format!("p{n}: {word}, ")).collect::<String>();
    let adjust = (0..4)
        .map(|n| format!("{{when: kernel > {n}, because: x, expect: {{package: {{{}}}}}}},", subjects("absent")))
        .collect::<String>();
    let text = format!(
        "{header}tests:\n- {{id: t, expect: {{package: {{{}}}}}, adjust: [{adjust}]}}\n",
        subjects("installed")
    );
    let (suite, _) = decode(&text);
    assert_eq!(suite.map(|suite| suite.tests[0].adjust.len()), Some(4));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

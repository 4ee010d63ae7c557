//! Parser and schema agree on a corpus of small suites. Where a rule is beyond a schema, the entry
//! says so: then the parser refuses what the schema lets through. Never the other way round.

use super::super::decode_source;
use super::super::testing::{EXAMPLES, VOCABULARY, as_editor};
use super::super::yaml::{self, Limits};
use super::*;
use crate::matcher::MATCHERS;

/// One test with this body, in flow style.
fn test(body: &str) -> String {
    format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, {body}}}\n")
}

fn expect(body: &str) -> String {
    test(&format!("expect: {{{body}}}"))
}

const VALID: &[&str] = &[
    "package: {a: installed}",
    "package: {a: absent, b: {installed: true, eventually: 1m 30s}}",
    "package: {a: {version: 1.10}}",
    "package: {a: {version: '>= 1:1.26, < 2:0', count: 1}}",
    "package: {a: {version: {any-of: ['1', '>= 3']}}}",
    "package: {a: {version: none, verify: {not: config-only}}}",
    "file: {/f: {mode: '644'}, /g: {mode: '0644', size: '<= 80 MiB'}}",
    "file: {/f: {content: {contains: [a, b], lacks: c, matches: '^x'}}}",
    "file: {/f: {content: {line: a, count: '>= 2', empty: false}}}",
    "file: {/f: {owner: ''}}",
    "kernel: {release: 6.14, taint: 0x10, cmdline: none}",
    "kernel: {release: '>= 6.14', cmdline: {has: [quiet], count: {any-of: [1, 2]}}}",
    "kconfig: {A: y, B: {any-of: [y, m]}, C: '>= 512', D: {value: y}}",
    "sysctl: {kernel.x: 1, kernel.y: {contains: a, eventually: 5s}}",
    "boot: {total: {median: '<= 14s', p95: '<= 20s'}, load: '<= 0.5'}",
    "boot: {total: '<= 14s', userspace: {any-of: ['<= 1s', none]}}",
    "units: {failed: none}",
    "units: {failed: {only: [a.service]}}",
    "mount: {/usr: {options: {has: [ro], lacks: exec}}}",
    "writable: {/usr: false, /var: 'true'}",
    "command: {uname: {stdout: Linux, exit: '!= 1'}}",
    "command: {x: {stdout: {json: {.a: 1, '.b[0]': {has: [x]}}}}}",
    "port: {tcp/22: {listening: true, process: {not: sshd}}}",
    "any-of: [{kernel: {taint: 0}}, {package: {a: installed}, sysctl: {kernel.b: 1}}]",
    "kernel: {taint: 0}, all-of: [{any-of: [{package: {a: installed}}, {package: {b: installed}}]}, {sysctl: {kernel.b: 1}}]",
];

const VALID_TESTS: &[&str] = &[
    "steps: [{run: 'true', exit: 0, stdout: {empty: true}, timeout: 5s, eventually: 1s}]",
    "steps: [{install: [a, b], scriptlet-errors: none}]",
    "steps: [{service: a, enabled: false}]",
    "steps: [{write: /a, content: '', mode: '0644'}]",
    "steps: [{run: x}], tags: [a], link: https://x, summary: 12, timeout: 1h, guest: fresh",
    "steps: [{run: x}], link: [a, b], when: mode == image, because: so it is",
    "steps: [{run: x}], guest: clone, retry: 2, covers: [lisa/verify, CIS 1.2]",
    "steps: [{remove: [a], scriptlet-errors: none}, {update: all}, {update: [a]}]",
    "steps: [{upload: a/b, to: /x, mode: '0600'}, {wait: 5s}, {collect: ['/var/log/*']}]",
    "steps: [{boot-samples: 7, discard: 1}], guest: fresh, expect: {units: {failed: none}}",
    "machines: {server: {}, client: {}}, steps: [{run: x, on: server}, {wait: 1s}], expect: {client: {kernel: {taint: 0}, file: {/a: present}}}",
    "machines: {a1: {}, b-2: {}, c: {}}, guest: fresh, expect: {a1: {kernel: {taint: 0}}, c: {any-of: [{sysctl: {kernel.a: 1}}, {sysctl: {kernel.b: 1}}]}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: a/b.json, regression: '<= 2%', by: wall}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '<0.5 %'}, load: 1}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {regression: '<= 2%', by: instructions}}}",
    "steps: [{run: 'x ${a}'}], for-each: {a: [1, b c]}",
    "steps: [{run: 'x ${a} ${b}'}], for-each: [{a: 1, b: x}, {a: 2, b: y}]",
    "steps: [{run: x}], adjust: [{when: mode == image, because: x, timeout: 1m}]",
    "expect: {kernel: {taint: 0, release: '1'}}, adjust: [{when: mode == image, because: x, expect: {kernel: {taint: null}}}]",
    "steps: [{run: x}], expect: {package: {a: installed}, kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {package: {a: null, b: absent}, kernel: null}}]",
    "snapshots: [{name: a, of: {run: x}, filters: [{match: a, with: ''}], unordered: true}]",
    "snapshots: [{name: a, of: sysctl, only: ['kernel.*'], redact: {a: drop}, per: image}]",
    "expect: {kernel: {taint: 0}, any-of: [{sysctl: {kernel.a: 1}}, {sysctl: {kernel.b: 1}}]}, adjust: [{when: mode == image, because: x, expect: {any-of: null}}, {when: mode == package, because: x, expect: {any-of: [{sysctl: {kernel.a: 1}}, {sysctl: {kernel.c: 1}}]}}]",
];

const INVALID: &[&str] = &[
    "any-of: []",
    "any-of: null",
    "any-of: {kernel: {taint: 0}}",
    "any-of: [{kernel: {taint: 0}}]",
    "any-of: [{}, {kernel: {taint: 0}}]",
    "all-of: [{kernel: {taint: 0}}, {kernel: {taint: 0}}]",
    "any-of: [{kernel: {taint: 0}}, {kernel: {tiant: 0}}]",
    "one-of: [{kernel: {taint: 0}}, {kernel: {taint: 1}}]",
    "packages: {a: installed}",
    "package: {}",
    "package: {a: }",
    "package: {a: {}}",
    "package: {a: {eventually: 5s}}",
    "package: {a: instaled}",
    "package: {a: {instaled: true}}",
    "package: {a: {installed: yes}}",
    "package: {a: {version: '>= '}}",
    "package: {a: {version: '1 2'}}",
    "package: {a: {version: [1, 2]}}",
    "package: {a: {verify: dirty}}",
    "package: {a: {count: many}}",
    "package: [a]",
    "file: {/f: {mode: rw-r--r--}}",
    "file: {/f: {mode: 0644}}",
    "file: {/f: {mode: 644}}",
    "file: {/f: {mode: {not: 0644}}}",
    "file: {/f: {mode: {any-of: ['0644', 0600]}}}",
    "file: {/f: {size: 80}}",
    "file: {/f: {size: '<= 80'}}",
    "file: {/f: {size: 80 MB/s}}",
    "file: {/f: {content: {contains: []}}}",
    "file: {/f: {content: {contains: ''}}}",
    "file: {/f: {content: {matches: }}}",
    "file: {/f: {content: {starts-with: a}}}",
    "file: {/f: {content: [a]}}",
    "file: {/f: {owner: {has: [a]}}}",
    "kernel: {release: new}",
    "kernel: {cmdline: [quiet]}",
    "kernel: new",
    "kconfig: {A: [y, m]}",
    "kconfig: {A: {}}",
    "kconfig: {A: {one-of: [y, m]}}",
    "boot: {total: {median: '<= 14s', p99: '<= 20s'}}",
    "boot: {total: {median: '<= 14s', any-of: [1s]}}",
    "boot: {total: {}}",
    "boot: {total: [1s]}",
    "boot: {total: {median: 14}}",
    "units: {failed: []}",
    "units: {failed: sshd.service}",
    "units: {failed: {only: []}}",
    "mount: {/usr: {options: {any-of: [ro]}}}",
    "writable: {/usr: {not: true}}",
    "command: {x: {stdout: {json: {}}}}",
    "command: {x: {stdout: {json: {a: 1}}}}",
    "port: {tcp/22: {listening: true, eventually: 20}}",
];

const INVALID_TESTS: &[&str] = &[
    "summary: nothing asserted",
    "steps: []",
    "steps: [{runn: x}]",
    "steps: [{run: x, install: [y]}]",
    "steps: [{run: ''}]",
    "steps: [{install: a}]",
    "steps: [{service: a}]",
    "steps: [{service: a, state: start}]",
    "steps: [{write: /a}]",
    "steps: [{write: /a, content: '', mode: 0644}]",
    "steps: [{upload: a/b, to: /x, mode: 0600}]",
    "steps: [{run: x}], guest: cloned",
    "steps: [{run: x}], retry: 0",
    "steps: [{run: x}], retry: often",
    "steps: [{run: x}], covers: lisa/verify",
    "steps: [{run: x}], covers: []",
    "steps: [{remove: a}]",
    "steps: [{update: everything}]",
    "steps: [{update: [a], scriptlet-errors: some}]",
    "steps: [{upload: a}]",
    "steps: [{upload: a, to: /x, mode: rw}]",
    "steps: [{wait: 5}, {run: x}]",
    "steps: [{wait: 5s, timeout: 5s}, {run: x}]",
    "steps: [{run: x}, {collect: /var/log}]",
    "machines: {server: {}}, steps: [{run: x, on: server}]",
    "machines: {server: {image: lab}, client: {}}, steps: [{run: x, on: server}]",
    "machines: {server: {}, client-: {}}, steps: [{run: x, on: server}]",
    "machines: {server: {}, client: {}}, steps: [{wait: 1s, on: server}], expect: {server: {kernel: {taint: 0}}}",
    "machines: {server: {}, client: {}}, expect: {kernel: {taint: 0}}",
    "machines: {server: {}, client: {}}, expect: {server: {}}",
    "steps: [{boot-samples: 0}], guest: fresh, expect: {units: {failed: none}}",
    "steps: [{boot-samples: 3, discard: none}], guest: fresh, expect: {units: {failed: none}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: b.json}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: lab, regression: '<= 2%'}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: 2%}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '<= 2'}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '>= 2%'}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '>= 0%, <= 2%'}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '<= 2%', by: time}}}",
    "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {image: lab, regression: '<= 2%'}}}",
    "steps: [{run: 'x ${a} ${b}'}], for-each: {a: [1], b: [2]}",
    "steps: [{run: x}], for-each: a",
    "steps: [{run: x}], for-each: {a: []}",
    "steps: [{run: x}], for-each: []",
    "steps: [{run: x}], for-each: {A: [1]}",
    "steps: [{run: x}], adjust: []",
    "steps: [{run: x}], adjust: [{when: mode == image, because: x}]",
    "steps: [{run: x}], adjust: [{when: mode == image, timeout: 1m}]",
    "steps: [{run: x}], adjust: [{because: x, timeout: 1m}]",
    "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: }]",
    "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {}}]",
    "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {kernel: {}}}]",
    "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {kernel: {tiant: null}}}]",
    "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {kernel: {taint: [1]}}}]",
    "expect: {kernel: {taint: null}}",
    "expect: {kernel: null}",
    "steps: [{run: x}], timeout: 30",
    "steps: [{run: x}], tags: [Web]",
    "steps: [{run: x}], tags: slow",
    "steps: [{run: x}], because: no when",
    "steps: [{run: x}], retries: 2",
    "snapshots: [{name: a}]",
    "snapshots: [{name: a, of: pakages}]",
];

/// Beyond a schema: why, and the suite.
const BEYOND: &[(&str, &str)] = &[
    ("numbers of modes", "expect: {file: {/f: {mode: '77777'}}}"),
    ("paths are absolute", "steps: [{write: a, content: b}]"),
    ("names of packages", "steps: [{install: [--nogpgcheck]}]"),
    ("names of units", "steps: [{service: '-x', enabled: true}]"),
    ("needs exist", "steps: [{run: x}], needs: [other]"),
    ("needs go in no circle", "steps: [{run: x}], needs: [t]"),
    ("conditions", "steps: [{run: x}], when: distor == a"),
    ("conditions can be true", "steps: [{run: x}], when: id == a and id == b"),
    ("regular expressions", "expect: {command: {x: {stdout: {matches: '('}}}}"),
    ("that nothing else matches", "expect: {command: {x: {stdout: {matches: '.*'}}}}"),
    ("order of units", "steps: [{run: x, eventually: 1s 1m}]"),
    ("more than nothing", "steps: [{run: x, timeout: 0s}]"),
    ("operators in loose values", "expect: {sysctl: {kernel.a: '>= linux'}}"),
    ("columns", "snapshots: [{name: a, of: packages, keep: [nam]}]"),
    ("names of snapshots", "snapshots: [{name: a, of: users}, {name: a, of: users}]"),
    ("variables", "steps: [{run: '${x}'}]"),
    ("which step samples boots", "guest: fresh, steps: [{run: x}, {boot-samples: 2}]"),
    ("that samples need a fresh machine", "steps: [{boot-samples: 2}], expect: {units: {failed: none}}"),
    ("that something is left", "steps: [{boot-samples: 2, discard: 2}], guest: fresh, expect: {units: {failed: none}}"),
    ("that a baseline needs samples", "expect: {boot: {baseline: {file: b.json, regression: '<= 2%'}}}"),
    (
        "that the first boot is none",
        "steps: [{boot-samples: 1}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '<= 2%'}}}",
    ),
    (
        "bounds of a percentage",
        "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '<= 101%'}}}",
    ),
    (
        "that nothing is less than no growth",
        "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: b.json, regression: '< 0%'}}}",
    ),
    (
        "where baselines are",
        "steps: [{boot-samples: 6}], guest: fresh, expect: {boot: {baseline: {file: ../b.json, regression: '<= 2%'}}}",
    ),
    ("that waiting asserts nothing", "steps: [{wait: 5s}]"),
    ("the longest wait", "steps: [{run: x}, {wait: 2h}]"),
    ("most retries", "steps: [{run: x}], retry: 11"),
    ("where files are", "steps: [{upload: ../x, to: /x}]"),
    ("unused values of for-each", "steps: [{run: x}], for-each: {a: [1]}"),
    ("even rows", "steps: [{run: 'x ${a}'}], for-each: [{a: 1}, {b: 1}]"),
    (
        "adjustments with an effect",
        "expect: {kernel: {taint: 0}}, adjust: [{when: mode == image, because: x, expect: {kernel: {taint: 0}}}]",
    ),
    ("what covers twice", "steps: [{run: x}], covers: [a, a]"),
];

#[test]
fn parser_and_schema_agree() {
    let schema = suite(VOCABULARY.tables);
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    let verdicts = |text: &str| {
        let mut sink = super::super::diagnostic::Diagnostics::new();
        let node = yaml::parse(&"c.yaml".into(), text, Limits::default(), &mut sink).expect(text);
        let (suite, problems) = decode_source("c.yaml", text, &VOCABULARY);
        (suite.is_some(), validator.is_valid(&as_editor(&node)), problems.render(false))
    };
    let valid: Vec<String> =
        VALID.iter().map(|body| expect(body)).chain(VALID_TESTS.iter().map(|body| test(body))).collect();
    assert!(valid.len() >= 25);
    for text in valid.iter().map(String::as_str).chain(EXAMPLES) {
        let (parser, schema, problems) = verdicts(text);
        assert!(parser && schema, "parser {parser}, schema {schema}: {text}\n{problems}");
    }
    let invalid: Vec<String> =
        INVALID.iter().map(|body| expect(body)).chain(INVALID_TESTS.iter().map(|body| test(body))).collect();
    assert!(invalid.len() >= 40);
    for text in &invalid {
        let (parser, schema, _) = verdicts(text);
        assert!(!parser && !schema, "parser {parser}, schema {schema}: {text}");
    }
    for (why, body) in BEYOND {
        let (parser, schema, _) = verdicts(&test(body));
        assert!(!parser && schema, "{why}: parser {parser}, schema {schema}: {body}");
    }
    for (ok, matrix) in [
        (true, "{cpu: [x86-64-v3, host], firmware: [bios, uefi-secure], tpm: [true], memory: [2 GiB], cpus: [2]}"),
        (true, "{image: [lab, a], bus: [sata], exclude: [{bus: sata, image: lab}]}"),
        (true, "{flavour: [a, 1, 1.5]}"),
        (false, "{flavour: [a b]}"),
        (false, "{flavour: a}"),
        (false, "{cpus: [0]}"),
        (false, "{memory: [1024]}"),
        (false, "{bus: [ide]}"),
        (false, "{firmware: []}"),
        (false, "{Flavour: [a]}"),
        (false, "{exclude: [{image: lab}]}"),
        (false, "{flavour: [a], exclude: []}"),
        (false, "{flavour: [a], exclude: [{}]}"),
    ] {
        let text = format!(
            "schema: suite/v1\nsuite: s\nmatrix: {matrix}\ntests: [{{id: t, steps: [{{run: 'x ${{matrix.flavour}}'}}]}}]\n"
        );
        let text = if matrix.contains("lavour") { text } else { text.replace(" ${matrix.flavour}", "") };
        let (parser, schema, problems) = verdicts(&text);
        assert!(parser == ok && schema == ok, "parser {parser}, schema {schema}: {text}\n{problems}");
    }
    for header in [
        "schema: suite/v2\nsuite: s\ntests: [{id: t, steps: [{run: x}]}]\n",
        "schema: suite/v1\nsuite: s\ntests: []\n",
        "schema: suite/v1\ntests: [{id: t, steps: [{run: x}]}]\n",
        "schema: suite/v1\nsuite: s\nimages: {because: x}\ntests: [{id: t, steps: [{run: x}]}]\n",
        "schema: suite/v1\nsuite: s\nbase-checks: {avc: ignore}\ntests: [{id: t, steps: [{run: x}]}]\n",
        "schema: suite/v1\nsuite: s\nmatrix: {}\ntests: [{id: t, steps: [{run: x}]}]\n",
    ] {
        let (parser, schema, _) = verdicts(header);
        assert!(!parser && !schema, "parser {parser}, schema {schema}: {header}");
    }
}

#[test]
fn parser_and_schema_of_known_issues_agree() {
    let validator = jsonschema::draft202012::new(&known_issues()).expect("the schema is a schema");
    let suite = decode_source("s.yaml", EXAMPLES[0], &VOCABULARY).0.expect("a suite");
    let good = "tests: nginx/survives-reboot, tracker: 1, because: x, expires: 2026-12-01";
    for (parser, schema, entry) in [
        (true, true, good.to_owned()),
        (
            true,
            true,
            format!(
                "{good}, where: mode == package, failure: {{contains: connection refused}}, effect: xfail, owner: web"
            ),
        ),
        (true, true, format!("{good}, effect: skip")),
        (false, false, good.replace("tracker: 1, ", "")),
        (false, false, good.replace("because: x, ", "")),
        (false, false, good.replace(", expires: 2026-12-01", "")),
        (false, false, good.replace("2026-12-01", "soon")),
        (false, false, format!("{good}, effect: ignore")),
        (false, false, format!("{good}, failure: [a]")),
        (false, false, format!("{good}, failure: {{}}")),
        (false, false, format!("{good}, ownr: web")),
        (false, true, good.replace("reboot", "rebot")),
        (false, true, good.replace("2026-12-01", "2028-12-01")),
        (false, true, good.replace("2026-12-01", "2026-02-30")),
    ] {
        let text = format!("schema: known-issues/v1\nknown-issues: [{{{entry}}}]\n");
        let mut sink = super::super::diagnostic::Diagnostics::new();
        let node = yaml::parse(&"k.yaml".into(), &text, Limits::default(), &mut sink).expect("YAML");
        let today = "2026-11-22".parse().expect("a day");
        let (issues, problems) =
            super::super::known::decode_source("k.yaml", &text, &VOCABULARY, std::slice::from_ref(&suite), today);
        assert_eq!(issues.len() == 1, parser, "{text}{}", problems.render(false));
        assert_eq!(validator.is_valid(&as_editor(&node)), schema, "{text}");
    }
}

#[test]
fn the_schema_of_images_takes_the_catalogue_and_refuses_a_misspelt_one() {
    let validator = jsonschema::draft202012::new(&images(VOCABULARY.capabilities)).expect("the schema is a schema");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/lab.yaml");
    let text = fs_err::read_to_string(path).expect("images/lab.yaml");
    let instance = |text: &str| {
        let mut sink = super::super::diagnostic::Diagnostics::new();
        as_editor(&yaml::parse(&"lab.yaml".into(), text, Limits::default(), &mut sink).expect("YAML"))
    };
    assert!(validator.is_valid(&instance(&text)));
    let claimed = |claims: &str| text.replacen("    seed:", &format!("    claims: {claims}\n    seed:"), 1);
    for claims in ["{selinux: enforcing}", "{selinux: true, rpmdb: false}", "{kernel: '>= 6.12'}"] {
        assert!(validator.is_valid(&instance(&claimed(claims))), "{claims}");
    }
    for claims in ["{rpmdb: yes}", "{tool: rpm}", "{}", "{selinux: [enforcing]}"] {
        assert!(!validator.is_valid(&instance(&claimed(claims))), "{claims}");
    }
    for (from, to) in
        [("seed:", "sead:"), ("1 GiB", "1"), ("{lab: lab}", "{lab: lab, path: x}"), ("mode: package", "mode: x")]
    {
        assert!(text.contains(from), "{from}");
        assert!(!validator.is_valid(&instance(&text.replacen(from, to, 1))), "{to}");
    }
}

#[test]
fn the_schema_of_images_takes_every_catalogue_of_the_repository() {
    let validator = jsonschema::draft202012::new(&images(VOCABULARY.capabilities)).expect("the schema is a schema");
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images");
    let mut read = 0;
    for entry in fs_err::read_dir(dir).expect("images") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let text = fs_err::read_to_string(&path).expect("a catalogue");
        let instance = |text: &str| {
            let mut sink = super::super::diagnostic::Diagnostics::new();
            as_editor(&yaml::parse(&"x.yaml".into(), text, Limits::default(), &mut sink).expect("YAML"))
        };
        assert!(validator.is_valid(&instance(&text)), "{}", path.display());
        for (from, to) in [("kind: sha256", "kind: md5"), ("steps:", "step:"), ("never-booted:", "never_booted:")] {
            let other = text.replacen(from, to, 1);
            assert_eq!(validator.is_valid(&instance(&other)), other == text, "{}: {to}", path.display());
        }
        read += 1;
    }
    assert!(read > 8, "only {read} catalogues");
}

#[test]
fn every_property_is_documented_and_every_mapping_of_keys_closed() {
    fn is_matcher(name: &str) -> bool {
        MATCHERS.iter().any(|(matcher, _)| *matcher == name)
    }
    fn walk(value: &Value, at: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            assert!(value.get("additionalProperties").is_some(), "{at} is open");
            // Matchers within matchers are described by those around them.
            for (name, property) in properties.iter().filter(|(name, _)| !is_matcher(name)) {
                assert!(property.get("description").is_some(), "{at}/{name} has no description");
            }
        }
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &format!("{at}/{key}"))),
            Value::Array(items) => items.iter().enumerate().for_each(|(n, value)| walk(value, &format!("{at}/{n}"))),
            _ => {}
        }
    }
    let suite = suite(VOCABULARY.tables);
    walk(&suite, "");
    let text = suite.to_string();
    for (name, doc) in MATCHERS {
        assert!(text.contains(&json!(doc).to_string()), "{name} is described nowhere");
    }
    walk(&images(VOCABULARY.capabilities), "");
    walk(&fragment(VOCABULARY.tables), "");
    walk(&known_issues(), "");
    walk(&foreign_checks(), "");
}

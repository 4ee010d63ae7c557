use std::collections::BTreeMap;

use clap::CommandFactory as _;

use super::*;

fn root() -> Command {
    crate::Arguments::command()
}

fn built() -> Command {
    let mut root = root();
    root.build();
    root
}

struct Scene {
    from: Surroundings,
    _place: tempfile::TempDir,
}

/// With this file and these variables.
fn scene(text: &str, variables: &[(&str, &str)]) -> Scene {
    let place = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(place.path().join(file::NAME)).unwrap();
    std::fs::write(&path, text).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    Scene { from: Surroundings { variables, file: Some(path) }, _place: place }
}

impl Scene {
    fn apply(&self, line: &str) -> Result<Applied, Vec<String>> {
        super::apply(&root(), line.split(' ').map(OsString::from).collect(), &self.from)
    }

    /// The words after `muster`, or the errors without the directory of the file.
    fn words(&self, line: &str) -> String {
        match self.apply(line) {
            Ok(applied) => applied.words[1..].iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "),
            Err(wrong) => panic!("{wrong:?}"),
        }
    }

    fn wrong(&self, line: &str) -> String {
        let directory = format!("{}/", self.from.file.as_ref().unwrap().parent().unwrap());
        self.apply(line).unwrap_err().join("\n").replace(&directory, "")
    }
}

#[test]
fn the_command_line_wins_over_variables_those_over_the_file_and_a_commands_own_over_the_shared() {
    let file = "[machine]\ncpus = 1\nuser = \"shared\"\n[run]\ncpus = 2\njobs = 3\n";
    let of = |line: &str, variables: &[(&str, &str)]| scene(file, variables).words(line);
    assert_eq!(of("muster run", &[]), "run --cpus=2 --jobs=3 --user=shared");
    assert_eq!(of("muster boot", &[]), "boot --cpus=1 --user=shared");
    assert_eq!(of("muster run --cpus 9", &[]), "run --jobs=3 --user=shared --cpus 9");
    assert_eq!(of("muster run", &[("MUSTER_MACHINE_CPUS", "5")]), "run --cpus=5 --jobs=3 --user=shared");
    let both = [("MUSTER_MACHINE_CPUS", "5"), ("MUSTER_RUN_CPUS", "6")];
    assert_eq!(of("muster run", &both), "run --cpus=6 --jobs=3 --user=shared");
    assert_eq!(
        of("muster --color never run kernel", &both),
        "--color never run --cpus=6 --jobs=3 --user=shared kernel"
    );
    // Other commands have none of these options.
    assert_eq!(of("muster check suites", &both), "check suites");
    assert_eq!(of("muster run --help", &both), "run --help");
    assert_eq!(of("muster test x", &both), "test x");
}

#[test]
fn a_command_that_runs_by_itself_and_has_commands_below_it_has_defaults_too() {
    let file = "[machine]\nimage = \"lab-tiny\"\ncpus = 1\n[boot-time]\nsamples = 3\n";
    let of = |line: &str| scene(file, &[]).words(line);
    assert_eq!(of("muster boot-time"), "boot-time --samples=3 --cpus=1 --image=lab-tiny");
    assert_eq!(of("muster boot-time lab"), "boot-time --samples=3 --cpus=1 lab");
    assert_eq!(of("muster boot-time --samples 9 lab"), "boot-time --cpus=1 --samples 9 lab");
    // A name of a command behind an option is none.
    assert_eq!(of("muster boot-time --samples 9 history"), "boot-time --cpus=1 --samples 9 history");
    assert_eq!(of("muster boot-time history DIR"), "boot-time history DIR");
    assert_eq!(of("muster boot-time --help"), "boot-time --help");
    assert_eq!(of("muster port x --on lab"), "port --cpus=1 x --on lab");
    assert_eq!(of("muster images"), "images");
}

/// The commands of `[machine]`, as the page and the file of `muster init` name them.
#[test]
fn the_commands_that_boot_images_are_those_that_are_named() {
    const PAGE: &str = include_str!("../../../../docs/configuration.md");
    const FIRST: &str = include_str!("../init/muster.toml");
    let built = built();
    let tables = options::tables(&built);
    let has = |command: &&Command| {
        options::tables_of(&tables, &[&built, command]).iter().any(|table| table.heading() == "[machine]")
    };
    let mut names: Vec<&str> = built.get_subcommands().filter(has).map(Command::get_name).collect();
    let row = PAGE.lines().find(|line| line.starts_with("| `[machine]`")).unwrap().rsplit('|').nth(1).unwrap();
    let mut of_row: Vec<&str> = row.split(',').map(|name| name.trim().trim_matches('`')).collect();
    let said = of_row.split_last().map(|(last, rest)| format!("{} and {last}", rest.join(", "))).unwrap();
    assert!(PAGE.contains(&format!("# how images are booted: {said}\n")), "{said}");
    assert!(FIRST.contains(&format!("# How images are booted, for {said}.\n")), "{said}");
    of_row.sort_unstable();
    names.sort_unstable();
    assert_eq!(of_row, names);
}

#[test]
fn flags_lists_and_values_of_every_form_are_read() {
    let file = "color = \"never\"\n[run]\nprove = true\nwarm = true\nverbose = 2\ntpm = true\nsuites = [\"a\", \"b\"]\n\
                tag = \"tier0 and not slow\"\n[images.prune]\nolder-than = \"2d\"\n";
    let prune = scene(file, &[]).words("muster images prune");
    assert_eq!(prune, "images prune --color=never --older-than=2d");
    let scene = scene(file, &[("MUSTER_RUN_WARM", "no"), ("MUSTER_RUN_IMAGE", "lab, ./x.qcow2")]);
    let words = scene.words("muster run");
    let directory = scene.from.file.as_ref().unwrap().parent().unwrap().to_owned();
    for part in [
        "--prove",
        "--verbose --verbose",
        "--tpm=true",
        "--tag=tier0 and not slow",
        "--color=never",
        "--image=lab --image=./x.qcow2",
        &format!("--suites={directory}/a --suites={directory}/b"),
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(!words.contains("--warm"), "a variable turns off what the file turns on: {words}");
    let applied = scene.apply("muster run").unwrap();
    assert!(applied.notes[0].contains("--prove") && !applied.notes[0].contains("--color"), "{:?}", applied.notes);
    assert!(applied.notes[1].contains("--image lab --image ./x.qcow2 (MUSTER_RUN_IMAGE)"), "{:?}", applied.notes);
}

#[test]
fn what_is_typed_drives_out_defaults_that_do_not_go_with_it() {
    let file = "[run]\nconnect = \"root@192.0.2.7\"\njobs = 2\n[machine]\nimage = \"lab-tiny\"\ncpus = 1\n";
    // The command's own table wins over the shared one.
    let wrong = scene(file, &[]).wrong("muster run");
    assert_eq!(wrong, "muster.toml:3: --jobs cannot go with --connect, which muster.toml:2 gives");
    let file = file.replace("jobs = 2\n", "");
    let own = scene(&file, &[]);
    assert_eq!(own.words("muster run"), "run --connect=root@192.0.2.7");
    assert_eq!(own.words("muster run --image lab"), "run --cpus=1 --image lab");
    assert_eq!(own.words("muster boot lab"), "boot --cpus=1 lab");
    let notes = own.apply("muster run --image lab").unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("does not apply, because of --image <NAME|FILE>")), "{notes:?}");
    let images = scene("[run]\nimage = \"lab\"\njobs = 2\nprove = true\ncapsule = \"failed\"\n", &[]);
    assert_eq!(images.words("muster run --connect a@b"), "run --connect a@b");
}

#[test]
fn what_needs_an_option_that_nobody_gives_waits_for_it() {
    let scene_of = |file: &str| scene(file, &[]);
    let waiting = scene_of("[connect]\nidentity = \"/k\"\nhost-key = \"/h\"\n[run]\nproofs = \"/p\"\n");
    assert_eq!(waiting.words("muster run"), "run");
    assert_eq!(waiting.words("muster run --prove"), "run --proofs=/p --prove");
    assert_eq!(waiting.words("muster run --connect a@b"), "run --host-key=/h --identity=/k --connect a@b");
    let direct = scene_of("[machine]\nkernel = \"/k\"\ninitrd = \"/i\"\ncmdline = \"ro\"\n");
    assert_eq!(direct.words("muster run"), "run --cmdline=ro --initrd=/i --kernel=/k");
    assert_eq!(direct.words("muster run --kernel /other"), "run --cmdline=ro --initrd=/i --kernel /other");
    let half = scene_of("[machine]\nkernel = \"/k\"\n");
    assert_eq!(half.wrong("muster run"), "muster.toml:2: --kernel needs --cmdline, which nothing gives");
    assert_eq!(half.words("muster run --cmdline ro"), "run --kernel=/k --cmdline ro");
    // What clap requires may come from a file.
    assert_eq!(scene_of("[record]\nof = [\"users\"]\n").words("muster record lab"), "record --of=users lab");
}

#[test]
fn every_mistake_is_named_with_its_line_or_its_variable() {
    let file = "[run]\ncpu = 1\ncpus = \"many\"\nprove = \"yes\"\nlist = true\naccel = \"xen\"\n[rum]\nx = 1\n\
                [images.prune]\nolder-than = [\"1d\"]\n[machine]\nextra-disk = [1.5]\n";
    let wrong = scene(file, &[]).wrong("muster check");
    for part in [
        "muster.toml:2: `cpu` is not a key of [run]; did you mean `cpus`?",
        "muster.toml:3: `cpus`: invalid value 'many' for '--cpus <N>'",
        "muster.toml:4: `prove`: true or false is expected, and this is of type string",
        "muster.toml:5: `list` can only be given on the command line: a run that starts nothing",
        "muster.toml:6: `accel`: invalid value 'xen'",
        "muster.toml:7: `[rum]` is no table of settings; did you mean `[run]`?",
        "muster.toml:10: `older-than`: text, a number, or true or false is expected, and this is of type array",
        "muster.toml:12: `extra-disk`: text, a number, or true or false is expected, and this is of type float",
    ] {
        assert!(wrong.contains(part), "{part}\n{wrong}");
    }
    assert_eq!(wrong.lines().count(), 8, "{wrong}");
    assert!(scene("[run", &[]).wrong("muster run").starts_with("muster.toml:1: "));
    for (name, value, says) in [
        ("MUSTER_RUN_CPU", "1", "the variable MUSTER_RUN_CPU: there is no such option; did you mean MUSTER_RUN_CPUS?"),
        ("MUSTER_RUN_CPUS", "no", "the variable MUSTER_RUN_CPUS: invalid value 'no'"),
        ("MUSTER_RUN_WARM", "perhaps", "the variable MUSTER_RUN_WARM: true or false is expected"),
        ("MUSTER_RUN_UPDATE_SNAPSHOTS", "1", "the option can only be given on the command line"),
        ("MUSTER_MACHINE_CPU", "1", "did you mean MUSTER_MACHINE_CPUS?"),
    ] {
        let wrong = scene("", &[(name, value)]).wrong("muster run");
        assert!(wrong.contains(says), "{wrong}");
        // It is none of this command's business.
        assert_eq!(scene("", &[(name, value)]).words("muster check"), "check");
    }
    let none = Surroundings { file: Some("/no/such/muster.toml".into()), ..Surroundings::default() };
    let words = vec!["muster".into(), "run".into()];
    assert!(super::apply(&root(), words, &none).unwrap_err()[0].starts_with("/no/such/muster.toml: "));
}

#[test]
fn the_old_variable_of_templates_stands_between_the_new_one_and_the_file() {
    let file = "[run]\ntemplates-max = \"1GiB\"\n";
    let of = |variables: &[(&str, &str)]| scene(file, variables).words("muster run");
    assert_eq!(of(&[]), "run --templates-max=1GiB");
    assert_eq!(of(&[("MUSTER_TEMPLATES_MAX", "2GiB")]), "run --templates-max=2GiB");
    assert_eq!(
        of(&[("MUSTER_TEMPLATES_MAX", "2GiB"), ("MUSTER_RUN_TEMPLATES_MAX", "3GiB")]),
        "run --templates-max=3GiB"
    );
}

#[test]
fn the_nearest_file_counts_and_none_that_a_stranger_may_have_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let top = Utf8PathBuf::from_path_buf(place.path().canonicalize().unwrap()).unwrap();
    let below = top.join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(top.join(file::NAME), "").unwrap();
    assert_eq!(file::nearest(&below), Some(top.join(file::NAME)));
    assert_eq!(file::nearest(&top), Some(file::NAME.into()));
    std::fs::set_permissions(&top, std::fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(file::nearest(&below), None);
    std::fs::write(below.join(file::NAME), "").unwrap();
    assert_eq!(file::nearest(&below), Some(file::NAME.into()));
}

/// A value that clap takes for an option, as a variable has it.
fn sample(option: &Arg) -> String {
    let possible = option.get_possible_values();
    let first = possible.first().map(|value| value.get_name().to_owned());
    let usual = [
        "true",
        "1GiB",
        "2",
        "2d",
        "virtio-scsi",
        "nocloud",
        "uefi",
        "x86_64",
        "raw",
        "tcg",
        "wall",
        "1%",
        "y->n",
        "github",
        "a=b",
        "1/2",
        "/etc",
        "--account=a",
        "2027-06-30",
    ];
    let candidates = first.into_iter().chain(usual.map(str::to_owned)).chain(["some".to_owned()]);
    let mut fitting = candidates.filter(|value| value::of_variable(option, value).is_ok());
    fitting.next().unwrap_or_else(|| panic!("no sample is a value of --{}", key(option)))
}

/// Made from the definitions of the command line, so that an option that is added is tried too.
#[test]
fn every_option_can_be_set_by_a_variable_and_by_a_file_or_is_a_documented_exception() {
    let built = built();
    let tables = options::tables(&built);
    let mut names = BTreeMap::new();
    let mut count = 0;
    for table in &tables {
        for option in &table.options {
            let (variable, value) = (table.variable(option), sample(option));
            assert_eq!(names.insert(variable.clone(), key(option)), None, "{variable} is the variable of two options");
            assert!(OWN.iter().all(|(own, _)| *own != variable), "{variable} means something else");
            let scalar = match value.parse::<u32>() {
                Ok(_) if option.get_action().takes_values() || value == "2" => value.clone(),
                _ if value == "true" => value.clone(),
                _ => format!("\"{value}\""),
            };
            let heading = if table.path.is_empty() { String::new() } else { table.heading() };
            let text = format!("{heading}\n{} = {scalar}\n", key(option));
            let entries = file::parse(Utf8Path::new("muster.toml"), &text, &tables).unwrap_or_else(|e| panic!("{e:?}"));
            assert_eq!(entries[0].words, value::of_variable(option, &value).unwrap(), "{text}");
            count += 1;
        }
    }
    assert!(count > 100, "only {count} options");
    // Each is in one of the two lists, and each exception is an option.
    for (of, pattern, why) in options::EXCEPTIONS {
        let fits = |table: &&Table| of.is_empty() || table.path.first().is_some_and(|first| first == of);
        let found = tables.iter().filter(fits).flat_map(|table| &table.exceptions).any(|(_, own)| own == why);
        assert!(found, "{of} --{pattern} is no option");
    }
    let command = |name: &str| tables.iter().find(|table| table.path == [name]).unwrap();
    for option in built.find_subcommand("run").unwrap().get_arguments().filter(|option| option.get_long().is_some()) {
        let name = key(option);
        let global = ["help", "version", "color"].contains(&name);
        let run = command("run");
        assert!(global || run.option(name).is_some() != run.exception(name).is_some(), "--{name}");
    }
    for table in tables.iter().filter(|table| table.shared) {
        assert!(built.find_subcommand(&table.path[0]).is_none(), "{} is a command too", table.heading());
        assert!(table.options.len() > 3);
    }
}

/// Every literal `MUSTER_…` of the sources is documented, and every exception with its reason.
#[test]
fn the_page_lists_every_variable_that_is_read_and_every_exception() {
    const PAGE: &str = include_str!("../../../../docs/configuration.md");
    for (name, _) in OWN {
        assert!(PAGE.contains(&format!("`{name}`")), "docs/configuration.md lacks {name}");
    }
    let flat = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for (_, option, why) in options::EXCEPTIONS {
        assert!(flat.contains(&format!("`--{option}`")), "docs/configuration.md lacks --{option}");
        assert!(flat.contains(why), "docs/configuration.md lacks why: {why}");
    }
    let built = built();
    for table in options::tables(&built).iter().filter(|table| table.shared) {
        assert!(PAGE.contains(&format!("`{}`", table.heading())), "docs/configuration.md lacks {}", table.heading());
    }
    // What the program reads by name, other than through settings.
    let reads = regex::Regex::new(r#"(?:env::var(?:_os)?\(|set\(|env = )"([A-Z_]+)""#).unwrap();
    let mut found = 0;
    let mut dirs = vec![Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))];
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir_utf8().unwrap().flatten() {
            if entry.path().is_dir() {
                dirs.push(entry.path().to_owned());
            } else if entry.path().extension() == Some("rs") && !entry.file_name().contains("test") {
                for name in reads.captures_iter(&std::fs::read_to_string(entry.path()).unwrap()) {
                    found += 1;
                    assert!(PAGE.contains(&format!("`{}`", &name[1])), "docs/configuration.md lacks {}", &name[1]);
                }
            }
        }
    }
    assert!(found >= 10, "only {found} variables are read by name");
}

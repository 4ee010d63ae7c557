//! What many questions of large repositories cost: time of each part, and the most memory that was in use.
//!
//! `measure NEEDS DIRECTORY…` asks for so many names, capabilities, paths and commands, a tenth of which do not exist,
//! and solves a request for each that does, and one for all of them. `ci/lib/generate-repodata.py` makes repositories for it.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use muster_repodata::{Interest, PackageId, RepositoryDir, Request, Solution, Solver, Wanted, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let needs: usize = arguments.next().ok_or("how many needs?")?.parse()?;
    let repositories: Vec<RepositoryDir> = arguments
        .enumerate()
        .map(|(number, path)| RepositoryDir { id: format!("r{number}"), path: path.into(), enabled: true })
        .collect();
    let begin = Instant::now();
    let index = read(&repositories, &Interest::default(), "x86_64")?;
    let after_read = begin.elapsed();
    let names: Vec<String> = index.names().map(str::to_owned).collect();
    let (mut found, mut near, mut missing) = (Vec::new(), 0, 0);
    for number in 0..needs {
        let name = &names[number * 7919 % names.len()];
        let of = index.package(index.named(name)[0]);
        let packages: Vec<PackageId> = match number % 10 {
            0 => index.named(&format!("{name}x")).to_vec(),
            1 | 2 => index.providers(&index.provided_by(of.id)[0].to_string())?,
            3 => index.files(of.id).first().map_or_else(Vec::new, |path| index.owners(path)),
            4 => index.commands(name),
            _ => index.named(name).to_vec(),
        };
        if packages.is_empty() {
            missing += 1;
            near += index.near(&format!("{name}x"), 3).len();
        } else {
            found.push(packages);
        }
    }
    let after_look = begin.elapsed();
    let (mut installs, mut impossible, mut undecided, mut packages) = (0, 0, 0, 0);
    let mut solver = Solver::new(&index);
    for one in found.iter() {
        match solver.solve(&Request::install([Wanted::OneOf(one.clone())])) {
            Solution::Installs(transaction) => {
                installs += 1;
                packages += transaction.install.len();
            }
            Solution::Impossible(_) => impossible += 1,
            Solution::Undecided(_) => undecided += 1,
        }
    }
    let after_solve = begin.elapsed();
    let all = Request::install(found.into_iter().map(Wanted::OneOf));
    let together = match Solver::new(&index).solve(&all) {
        Solution::Installs(transaction) => format!("installs with {} packages", transaction.install.len()),
        Solution::Impossible(problems) => format!("impossible with {} problems", problems.len()),
        Solution::Undecided(why) => format!("undecided: {}", why.join("; ")),
    };
    let after_together = begin.elapsed();
    println!("{} packages, {needs} needs: {missing} missing with {near} near names", index.packages());
    println!("{installs} install with {packages} packages, {impossible} impossible, {undecided} undecided");
    println!("read {:.2} s", after_read.as_secs_f64());
    println!("look up {:.2} s", (after_look - after_read).as_secs_f64());
    println!("solve {:.2} s", (after_solve - after_look).as_secs_f64());
    println!("solve together {:.2} s: {together}", (after_together - after_solve).as_secs_f64());
    println!("total {:.2} s", after_together.as_secs_f64());
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("not known");
    println!("peak {}", peak.trim());
    Ok(())
}

//! Whether requests can be fulfilled, one a line: `ci/solver-reference` compares what this prints with what dnf says.
//!
//! Reads lines `DIRECTORY<tab>OPTIONS<tab>SPEC SPEC …` (options: `best`, `strong` for no weak dependencies, or `-`) and
//! prints for each `installs NEVRA …`, sorted, or `impossible SENTENCE; …`, or `undecided SENTENCE; …`.

#![allow(clippy::print_stdout)]

use std::io::BufRead as _;

use muster_repodata::{Interest, RepositoryDir, Request, Solution, Wanted, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let interest = Interest { required_paths: true, ..Interest::default() };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut fields = line.split('\t');
        let (Some(path), Some(options), Some(specs)) = (fields.next(), fields.next(), fields.next()) else {
            return Err("a line has three fields".into());
        };
        let specs = specs.split('|').map(|spec| Wanted::Spec(spec.to_owned()));
        let mut request = Request::install(specs);
        request.best = options.contains("best");
        request.weak = !options.contains("strong");
        let repository = RepositoryDir { id: "r".to_owned(), path: path.into(), enabled: true };
        let index = read(&[repository], &interest, "x86_64")?;
        match index.solve(&request) {
            Solution::Installs(transaction) => {
                let mut names: Vec<String> = transaction.install.iter().map(|id| index.package(*id).nevra()).collect();
                names.sort();
                println!("installs {}", names.join(" "));
            }
            Solution::Impossible(problems) => {
                let chains: Vec<String> = problems.iter().map(|problem| problem.chain.join("; ")).collect();
                println!("impossible {}", chains.join(" | "));
            }
            Solution::Undecided(reasons) => println!("undecided {}", reasons.join("; ")),
        }
    }
    Ok(())
}

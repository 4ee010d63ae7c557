//! Programs and libraries of new packages whose own libraries are not there.

use crate::error::CliError;
use crate::guest;
use muster_base::text::{escape_bytes, last_words, one_line, shell_word};
use muster_chain::Unavailable;
use muster_engine::driver::Live;

/// Files that are looked at.
const FILES: usize = 5_000;

/// A file whose library is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// In the guest.
    pub(super) path: String,
    /// `libfoo.so.1`
    pub(super) soname: String,
}

/// The loader itself says what it does not find. `ldd` starts it; where there is none, the loader is started as ldd
/// would. `$most` files are looked at, and more is said. An ELF file begins with 0x7f and ELF.
const SCRIPT: &str = r#"export LC_ALL=C
if command -v ldd >/dev/null 2>&1; then list() { ldd "$1" 2>&1; }
else
    loader=
    for file in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 /lib64/ld64.so.2 /lib/ld64.so.1 /lib/ld-linux-riscv64-lp64d.so.1; do
        [ ! -x "$file" ] || loader=$file
    done
    [ -n "$loader" ] || { echo '= none'; exit 0; }
    list() { "$loader" --list "$1" 2>&1; }
fi
files=$(rpm -ql "$@") || exit 1
count=0
printf '%s\n' "$files" | while IFS= read -r file; do
    case $file in /usr/lib/debug/*|*.ko|*.ko.*|*.o|*.a) continue;; esac
    [ -f "$file" ] && [ ! -L "$file" ] && [ -r "$file" ] || continue
    magic=$(dd if="$file" bs=4 count=1 2>/dev/null | tr -d '\0') 
    case $magic in ?ELF) ;; *) continue;; esac
    count=$((count + 1))
    [ "$count" -le "$most" ] || { echo '= more'; break; }
    list "$file" | while IFS= read -r line; do
        case $line in *'=> not found'*) set -- $line; printf '%s\t%s\n' "$file" "$1";; esac
    done
done
echo '= end'"#;

/// What is missing, or why that is not known.
///
/// # Errors
/// The guest is gone.
pub(super) async fn missing(
    live: &impl Live,
    packages: &[String],
) -> Result<Result<Vec<Missing>, Unavailable>, CliError> {
    if packages.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let names: Vec<String> = packages.iter().map(|name| shell_word(name)).collect();
    let script = format!("set -- {}\nmost={FILES}\n{SCRIPT}", names.join(" "));
    let reply = guest::run_foreign(live, script, 900, guest::OUTPUT).await?;
    if let Some(why) = guest::cut(&reply) {
        return Ok(Err(Unavailable(format!("looking for libraries: {why}"))));
    }
    Ok(read(&escape_bytes(&reply.stdout)).map_err(|why| match why {
        Some(why) => Unavailable(why.to_owned()),
        None => Unavailable(format!("looking for libraries: {}", last_words(&escape_bytes(&reply.stderr), 200))),
    }))
}

fn read(text: &str) -> Result<Vec<Missing>, Option<&'static str>> {
    let list = match text {
        "= none\n" => return Err(Some("the image has neither ldd nor a known loader")),
        text => text.strip_suffix("= end\n").ok_or(None)?,
    };
    if list.lines().any(|line| line == "= more") {
        return Err(Some("the new packages have more programs than are looked at"));
    }
    let one = |line: &str| {
        let (path, soname) = line.split_once('\t')?;
        Some(Missing { path: one_line(path, 300), soname: one_line(soname, 120) })
    };
    list.lines().map(|line| one(line).ok_or(None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_found_is_named_and_a_cut_list_is_not_one() {
        let found = read("/usr/bin/x\tlibfoo.so.1\n= end\n").unwrap();
        assert_eq!(found, [Missing { path: "/usr/bin/x".into(), soname: "libfoo.so.1".into() }]);
        assert_eq!(read("= end\n"), Ok(Vec::new()));
        assert!(read("").is_err() && read("= none\n").is_err() && read("= more\n= end\n").is_err());
        assert!(read("nonsense\n= end\n").is_err());
    }

    #[test]
    fn programs_of_this_host_find_their_libraries() {
        // The loop over files alone, with what rpm would list.
        let script = SCRIPT.replace(r#"files=$(rpm -ql "$@") || exit 1"#, r#"files=$(printf '%s\n' "$@")"#);
        let script = format!("set -- /bin/sh /etc/passwd /nonexistent\nmost=10\n{script}");
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(read(&String::from_utf8_lossy(&out.stdout)), Ok(Vec::new()));
    }
}

//! The `muster` command.

fn main() -> std::process::ExitCode {
    muster::main()
}

//! The `zas` command.

fn main() -> std::process::ExitCode {
    zas_server::cli::main()
}

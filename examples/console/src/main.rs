//! The console's program: see the library.

fn main() -> std::process::ExitCode {
    rocky_console::command_line()
}

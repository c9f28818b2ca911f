//! The semnal binary: command line, configuration, HTTP API, wiring. The only crate that reads the environment.

mod api;
mod bins;
mod cli;
mod configuration;
mod console;
mod control_client;
mod keys;
mod listener;
mod seed;
mod serve;
mod tasks;
mod ultimate_multisite;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}

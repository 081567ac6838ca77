//! The command line: one file a subcommand.

mod allocator;
#[cfg(feature = "torch")]
mod baseline;
mod bench;
mod demo;
mod engine;
mod evaluate;
#[cfg(feature = "torch")]
mod fid;
#[cfg(feature = "torch")]
mod finetune;
mod info;
mod interrupt;
mod models;
#[cfg(feature = "torch")]
mod pack;
mod prepare;
#[cfg(feature = "torch")]
mod pretrain;
mod progress;
mod reader;
#[cfg(feature = "torch")]
mod sample;
mod segment;
mod serve;
#[cfg(feature = "torch")]
mod steps;
#[cfg(feature = "torch")]
mod study;
mod thumbnail;
mod tissue;

pub use allocator::keep_freed_memory;
use clap::{Parser, Subcommand};
use std::error::Error as _;
use std::process::ExitCode;

/// Segments whole-slide images and trains the models for it.
#[derive(Debug, Parser)]
#[command(
    name = "slidestream",
    bin_name = "slidestream",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// One variant a subcommand, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "torch")]
    Baseline(baseline::BaselineArgs),
    Bench(bench::BenchArgs),
    Demo(demo::DemoArgs),
    #[command(hide = true)]
    Engine(serve::ServeArgs),
    Evaluate(evaluate::EvaluateArgs),
    #[cfg(feature = "torch")]
    Fid(fid::FidArgs),
    #[cfg(feature = "torch")]
    Finetune(finetune::FinetuneArgs),
    Info(info::InfoArgs),
    Models(models::ModelsArgs),
    #[cfg(feature = "torch")]
    Pack(pack::PackArgs),
    #[cfg(feature = "torch")]
    Pretrain(pretrain::PretrainArgs),
    Prepare(prepare::PrepareArgs),
    #[cfg(feature = "torch")]
    Sample(sample::SampleArgs),
    Segment(segment::SegmentArgs),
    #[cfg(feature = "torch")]
    Study(study::StudyArgs),
    Thumbnail(thumbnail::ThumbnailArgs),
    Tissue(tissue::TissueArgs),
}

/// Parses the process's arguments, runs the subcommand and says how it ended: 0 done, 1 failed, 2 wrong usage,
/// 3 some tiles failed, 130 stopped by Ctrl-C.
pub fn main() -> ExitCode {
    keep_freed_memory();
    let command = Arguments::parse().command;
    if matches!(command, Command::Info(_) | Command::Models(_)) {
        interrupt::end_with_the_reader();
    }
    let ended = match command {
        #[cfg(feature = "torch")]
        Command::Baseline(args) => baseline::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Engine(args) => serve::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        #[cfg(feature = "torch")]
        Command::Fid(args) => fid::run(args),
        #[cfg(feature = "torch")]
        Command::Finetune(args) => finetune::run(args),
        Command::Info(args) => info::run(args),
        Command::Models(args) => models::run(args),
        #[cfg(feature = "torch")]
        Command::Pack(args) => pack::run(args),
        #[cfg(feature = "torch")]
        Command::Pretrain(args) => pretrain::run(args),
        Command::Prepare(args) => prepare::run(args),
        #[cfg(feature = "torch")]
        Command::Sample(args) => sample::run(args),
        Command::Segment(args) => segment::run(args),
        #[cfg(feature = "torch")]
        Command::Study(args) => study::run(args),
        Command::Thumbnail(args) => thumbnail::run(args),
        Command::Tissue(args) => tissue::run(args),
    };
    ended.unwrap_or_else(|error| {
        report(&error);
        ExitCode::FAILURE
    })
}

/// Prints an error with its causes, leaving out a cause that its parent's message ends with already.
fn report(error: &crate::Error) {
    let mut message = error.to_string();
    eprintln!("error: {message}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            eprintln!("  because: {text}");
        }
        message = text;
        cause = error.source();
    }
}

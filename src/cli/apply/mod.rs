//! `tidings apply`: bring a server to what a file says, after showing what that would change.
//!
//! The files are checked whole before the server is asked; what it has is read; [`plan`] decides; nothing is changed
//! before somebody agreed, at the terminal or by `--yes`. Deliberately absent: state of its own beside the server's.

mod change;
mod document;
mod endpoint_plan;
mod fields;
mod load;
pub(super) mod node;
mod perform;
mod plan;
#[cfg(test)]
mod plan_tests;
pub(super) mod remote;
mod show;
pub(super) mod state;
pub(super) mod write;

use super::client::{Client, ServerArgs};
use super::output::{Failure, note, say};
use super::small_runtime;
use change::Planned;
use perform::{Secrets, fetch_secrets, perform};
use plan::{Prune, plan};
use show::{Colour, Counts, Outcome};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Shown by `tidings apply --help`.
pub const EXAMPLES: &str = "Examples:\n  tidings apply -f tidings.yaml --dry-run\n  tidings apply -f tidings.yaml --yes --secrets-out new-secrets.ndjson\n  tidings export | tidings apply --server https://other.example --yes -f -\n\nExit codes: 0 nothing is left to do, 1 it failed (what was done is said), 3 changes are pending and nothing was changed\n(--dry-run, or neither a terminal nor --yes)";

/// What to apply.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// A file, as `tidings export` prints; - for standard input. Several are taken together
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Delete what the files do not name: organizations, and endpoints of organizations whose endpoints they list
    #[arg(long)]
    prune: bool,
    /// Change without asking
    #[arg(long, short = 'y', conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Print plan and outcome as one JSON document
    #[arg(long)]
    json: bool,
    /// Write secrets of new endpoints into this new file instead of printing them, one JSON line each
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
}

/// Runs `tidings apply`.
pub fn run(args: ApplyArgs) -> Result<(), Failure> {
    let document = load::load(&args.files)?;
    let prune = if args.prune { Prune::Yes } else { Prune::No };
    let runtime = small_runtime()?;
    let mut client = Client::new(&args.server);
    let state = runtime.block_on(remote::state(&mut client, &document, prune))?;
    let mut plan = match plan(&state, &document, prune) {
        Ok(plan) => plan,
        Err(problems) => return load::refuse(&problems),
    };
    if !args.json {
        show_plan(&plan)?;
    }
    if plan.is_empty() {
        return nothing(&args);
    }
    if !agreed(&args, &plan)? {
        return pending(&args, &plan);
    }
    fetch_secrets(&mut plan)?;
    let secrets = match &args.secrets_out {
        Some(path) => Secrets::into_file(path)?,
        None => Secrets::Shown,
    };
    let outcome = runtime.block_on(perform(&mut client, state, &plan, secrets));
    finish(&args, &plan, outcome)
}

fn show_plan(plan: &[Planned]) -> Result<(), Failure> {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    let colour = if plain { Colour::No } else { Colour::Yes };
    for line in show::lines(plan, colour) {
        say(&line)?;
    }
    Ok(())
}

fn nothing(args: &ApplyArgs) -> Result<(), Failure> {
    if args.json {
        return finish(args, &[], outcome_of(0));
    }
    say("nothing to change")
}

const fn outcome_of(made: usize) -> Outcome {
    Outcome {
        made,
        secrets: Vec::new(),
        problem: None,
    }
}

/// Whether somebody agreed.
fn agreed(args: &ApplyArgs, plan: &[Planned]) -> Result<bool, Failure> {
    if args.yes || args.dry_run {
        return Ok(args.yes);
    }
    let input = std::io::stdin();
    if !input.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    let mut err = std::io::stderr().lock();
    let _nobody_to_tell =
        write!(err, "{}. Make these changes? [y/N] ", Counts::of(plan)).and_then(|()| err.flush());
    let mut answer = String::new();
    input
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::Failed(format!("cannot read the answer: {error}")))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(true),
        _ => Err(Failure::Failed(String::from("nothing was changed"))),
    }
}

fn pending(args: &ApplyArgs, plan: &[Planned]) -> Result<(), Failure> {
    if args.json {
        say(&show::document(plan, &outcome_of(0)).to_string())?;
    }
    let how = match args.dry_run {
        true => "--dry-run",
        false => "give --yes to change without a terminal to ask at",
    };
    Err(Failure::Pending(format!(
        "{}; nothing was changed ({how})",
        Counts::of(plan)
    )))
}

fn finish(args: &ApplyArgs, plan: &[Planned], outcome: Outcome) -> Result<(), Failure> {
    if args.json {
        say(&show::document(plan, &outcome).to_string())?;
    } else {
        for secret in &outcome.secrets {
            let text = |name: &str| secret.get(name).and_then(serde_json::Value::as_str);
            say(&format!(
                "secret of {} ({}): {}",
                text("endpoint_id").unwrap_or_default(),
                text("url").unwrap_or_default(),
                text("secret").unwrap_or_default()
            ))?;
        }
    }
    match outcome.problem {
        Some(problem) => Err(Failure::Failed(problem)),
        None if args.json => Ok(()),
        None => {
            note(&format!("{} changes were made", outcome.made));
            Ok(())
        }
    }
}

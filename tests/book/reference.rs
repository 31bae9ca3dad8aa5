//! The reference pages that the program itself writes: settings and the command line.
//!
//! What stands between the two markers of such a page is made here and compared. `UPDATE=1 cargo test --test book reference`
//! writes it anew.

use crate::{read, root};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::process::Command;
use tidings::config::{Form, SETTINGS};
use tidings::metrics::{Metric, TABLE};

const BEGIN: &str = "<!-- made by tests/book/reference.rs -->";
const END: &str = "<!-- until here -->";

fn compare(page: &str, made: &str) {
    let path = root().join("docs").join(page);
    let text = read(&path);
    let (before, rest) = text.split_once(BEGIN).expect("the first marker");
    let (present, after) = rest.split_once(END).expect("the second marker");
    if present.trim() == made.trim() {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        let anew = format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", made.trim());
        std::fs::write(&path, anew).expect("the page");
        return;
    }
    panic!("docs/{page} is not what the program says; UPDATE=1 cargo test --test book reference");
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[test]
fn reference_settings_are_those_of_the_program() {
    let mut made = String::from(
        "| setting | variable | default | allowed | what it does |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = match setting.default {
            "" => String::new(),
            value => format!("`{value}`"),
        };
        let list = match setting.form {
            Form::List => "a list of ",
            Form::Single | Form::Secret => "",
        };
        writeln!(
            made,
            "| `{}` | `{}` | {default} | {list}{} | {} |",
            setting.name,
            setting.env,
            cell(setting.allowed),
            cell(setting.help),
        )
        .unwrap();
    }
    compare("reference/settings.md", &made);
}

#[test]
fn reference_metrics_are_those_of_the_program() {
    let mut made = String::from("| metric | kind | label | what it is |\n|---|---|---|---|\n");
    for metric in TABLE {
        let label = match metric.label {
            "" => String::new(),
            label => format!("`{label}`"),
        };
        let Metric {
            name, kind, help, ..
        } = metric;
        writeln!(
            made,
            "| `{name}` | {} | {label} | {} |",
            kind.name(),
            cell(help)
        )
        .unwrap();
    }
    compare("operate/metrics.md", &made);
}

fn help(command: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(command)
        .arg("--help")
        .env_clear()
        .output()
        .expect("tidings runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        // Empty where a description goes on from the line before.
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn reference_commands_are_those_of_the_program() {
    let mut made = String::new();
    let mut waiting = VecDeque::from([Vec::new()]);
    while let Some(command) = waiting.pop_front() {
        let text = help(&command);
        let below = commands(&text);
        for (index, name) in below.iter().enumerate() {
            let mut next = command.clone();
            next.push(name.clone());
            // Depth first: a command's own commands stand right below it.
            waiting.insert(index, next);
        }
        let mut name = command.join(" ");
        if !name.is_empty() {
            name.insert(0, ' ');
        }
        write!(
            made,
            "## tidings{name}\n\n```sh\ntidings{name} --help\n```\n\n```text\n{}\n```\n\n",
            text.trim_end()
        )
        .unwrap();
    }
    compare("reference/commands.md", &made);
}

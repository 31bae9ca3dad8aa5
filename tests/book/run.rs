//! Runs a chapter the way its reader would: one shell, an empty directory, the program on the path.
//!
//! Each chapter has a network of its own, so that the addresses in it are free and lead nowhere else, and processes of its
//! own, so that a server it started ends with it. Deliberately absent: what a chapter may not need, such as the internet.

use crate::chapter::{Step, missing};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Begins what a step prints; followed by the step's number.
const MARK: char = '\u{1e}';
/// Seconds a chapter may take.
const LONGEST: &str = "180";
/// What steps in comments may use, so that a chapter's reader need not read how a test waits: `answers URL` waits for a
/// server to answer, `listens PORT` for a socket, `has FILE TEXT` for a text in a file, `says TEXT COMMAND…` for a text that a
/// command prints.
const WAITING: &str = r#"
answers() { until curl -s -o /dev/null "$1"; do read -rt 0.1 <> <(:) || true; done; }
listens() { until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do read -rt 0.1 <> <(:) || true; done; }
says() { until "${@:2}" 2>/dev/null | grep -s -- "$1" >/dev/null; do read -rt 0.1 <> <(:) || true; done; }
has() { until grep -qs -- "$2" "$1"; do read -rt 0.1 <> <(:) || true; done; }
"#;

/// Runs the steps of the chapter at `path`.
///
/// # Errors
/// Where it stopped and what was printed until then.
pub fn run(path: &Path, steps: &[Step], repository: &Path) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let script = place.path().join(".script");
    std::fs::write(&script, shell(steps)).map_err(|error| error.to_string())?;
    let output = command(place.path(), repository)
        .arg(&script)
        .output()
        .map_err(|error| format!("cannot run unshare (Debian: util-linux): {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut parts = printed
        .split(MARK)
        .skip(1)
        .map(Part::of)
        .collect::<Vec<_>>();
    if !output.status.success() {
        let last = parts.pop().unwrap_or_default();
        let line = steps.get(last.step).map_or(0, line_of);
        return Err(format!(
            "{}:{line}: this failed ({}):\n{}{}",
            path.display(),
            output.status,
            last.text,
            String::from_utf8_lossy(&output.stderr),
        ));
    }
    let mut before = "";
    for (index, step) in steps.iter().enumerate() {
        let printed = parts.iter().find(|part| part.step == index);
        if let Some(printed) = printed {
            before = printed.text;
        }
        if let Step::Prints { line, text } = step
            && let Some(missed) = missing(text, before)
        {
            return Err(format!(
                "{}:{line}: `{missed}` was not printed, but:\n{before}",
                path.display()
            ));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Part<'a> {
    step: usize,
    text: &'a str,
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        let (step, text) = text.split_once('\n').unwrap_or((text, ""));
        Self {
            step: step.parse().unwrap_or(usize::MAX),
            text,
        }
    }
}

const fn line_of(step: &Step) -> usize {
    match step {
        Step::Run { line, .. }
        | Step::Prints { line, .. }
        | Step::File { line, .. }
        | Step::Settings { line, .. }
        | Step::Json { line, .. } => *line,
    }
}

/// The whole chapter as one script, so that variables and background jobs go on from block to block.
fn shell(steps: &[Step]) -> String {
    let mut script = format!("set -eu\n{WAITING}");
    for (index, step) in steps.iter().enumerate() {
        let mark = |script: &mut String| {
            let _ = writeln!(script, "printf '{MARK}{index}\\n'");
        };
        match step {
            Step::Run { code, .. } => {
                mark(&mut script);
                script.push_str(code);
            }
            Step::File { name, text, .. } => {
                mark(&mut script);
                let _ = writeln!(script, "mkdir -p \"$(dirname '{name}')\"");
                let _ = write!(script, "cat >'{name}' <<'END_OF_FILE'\n{text}END_OF_FILE\n");
            }
            Step::Settings { text, .. } => {
                mark(&mut script);
                let _ = write!(
                    script,
                    "cat >.settings.toml <<'END_OF_FILE'\n{text}END_OF_FILE\ntidings serve --print-config --config .settings.toml\n"
                );
            }
            Step::Prints { .. } | Step::Json { .. } => {}
        }
    }
    script
}

fn command(place: &Path, repository: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args([
            "--kill-after=5",
            LONGEST,
            "unshare",
            "--net",
            "--pid",
            "--fork",
        ])
        .args(["--kill-child", "--mount-proc"])
        .args(without_root())
        .args(["bash", "-c"])
        .arg("ip link set lo up && exec bash \"$0\" 2>&1")
        .current_dir(place)
        .env_clear()
        .env("PATH", path(place))
        .env("HOME", place)
        .env("REPOSITORY", repository)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Who is not root becomes able to make a network, and stays who he is.
fn without_root() -> &'static [&'static str] {
    match rustix::process::geteuid().is_root() {
        true => &[],
        false => &["--map-current-user", "--keep-caps"],
    }
}

/// The program under test, before everything else; alone in a folder, since beside it lie others with names such as `head`.
fn path(place: &Path) -> std::ffi::OsString {
    let own = place.join(".bin");
    std::fs::create_dir(&own).expect("a folder");
    let program = env!("CARGO_BIN_EXE_tidings");
    std::os::unix::fs::symlink(program, own.join("tidings")).expect("a link to the program");
    let system = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&system));
    std::env::join_paths(all.chain([PathBuf::from("/usr/sbin")])).unwrap_or(system)
}

#[test]
fn a_command_that_fails_or_prints_something_else_is_found() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let judge = |text: &str| {
        let steps = crate::chapter::parse(text).expect("a chapter");
        run(Path::new("x.md"), &steps, here)
    };
    assert_eq!(
        judge("```sh\necho one | tr n N\n```\n```text\noNe\n```\n"),
        Ok(())
    );
    let failed = judge("\n```sh\necho before\nfalse\necho after\n```\n").expect_err("it fails");
    assert!(
        failed.starts_with("x.md:2: this failed") && failed.contains("before"),
        "{failed}"
    );
    assert!(!failed.contains("after"), "{failed}");
    let other = judge("```sh\necho one\n```\n```text\ntwo\n```\n").expect_err("it prints one");
    assert!(
        other.starts_with("x.md:4: `two` was not printed, but:\none"),
        "{other}"
    );
    let settings = judge("```toml\nlisten = \"nowhere\"\n```\n").expect_err("no address");
    assert!(settings.contains("listen = \"nowhere\""), "{settings}");
}

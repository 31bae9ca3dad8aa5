//! Every input that is kept in `corpus/`, through its target once more without a fuzzer: what was found once stays a case.

use std::path::{Path, PathBuf};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
/// Bytes of all of them, so that a clone stays small.
const MOST: usize = 300 * 1024;

fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_kept_input_keeps_every_property() {
    let (mut inputs, mut bytes) = (0, 0);
    for (name, target) in tidings_fuzz::TARGETS {
        for path in entries(format!("{CORPUS}/{name}")) {
            let data = std::fs::read(&path).expect("a readable input");
            if std::panic::catch_unwind(|| target(&data)).is_err() {
                panic!("{}", path.display());
            }
            (inputs, bytes) = (inputs + 1, bytes + data.len());
        }
    }
    println!("{inputs} inputs, {bytes} bytes");
    assert!(
        inputs > 300 && bytes < MOST,
        "{inputs} inputs, {bytes} bytes"
    );
}

#[test]
fn every_target_has_a_binary_and_a_corpus_and_nothing_else_has_one() {
    let names = tidings_fuzz::TARGETS.map(|(name, _)| name.to_owned());
    let folders: Vec<_> = entries(CORPUS)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(folders, names);
    let binaries: Vec<_> = entries(concat!(env!("CARGO_MANIFEST_DIR"), "/bin"))
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(binaries, names);
    let manifest = include_str!("../Cargo.toml");
    for name in names {
        assert!(
            manifest.contains(&format!("path = \"bin/{name}.rs\"")),
            "{name}"
        );
    }
}

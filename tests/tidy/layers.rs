//! The order of the layers: `store` knows core and the ground; `engine` and `http` know `store`, not each other; only the
//! top (`main`, `lib`, `app`, `cli`, `demo`) knows all. Core knows nothing of the world.
//!
//! Ground is every other module of the root crate (clock, config, telemetry, …): all may use it, it uses only ground.
//! A new module is therefore ground until it is listed here, which is the strict side.
//!
//! Paths are followed wherever they stand: `use` trees, expressions, types, inside macros, through `super` and through
//! the crate's own name. Paths through a re-export at the root are not: the root re-exports nothing across layers.

use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream::IntoIter};

use crate::Finding;

const TOP: [&str; 5] = ["main", "lib", "app", "cli", "demo"];
const LAYERS: [&str; 3] = ["store", "engine", "http"];

/// Crates that bring a runtime, I/O, a clock or chance; `x*` stands for every name that begins with `x`.
const WORLDLY: [&str; 26] = [
    "tokio*",
    "async-*",
    "futures*",
    "mio",
    "smol",
    "hyper*",
    "axum*",
    "tower*",
    "reqwest",
    "socket2",
    "rustls*",
    "hickory*",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx*",
    "postgres*",
    "deadpool*",
    "getrandom",
    "rand*",
    "fastrand",
    "uuid",
    "ulid",
    "chrono",
    "time",
    "tempfile",
    "rustix",
];

/// Parts of std that touch the world; core may not name them.
const WORLDLY_STD: [&str; 6] = ["fs", "env", "process", "thread", "os", "io"];
const WORLDLY_NET: [&str; 4] = ["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"];

/// What a module of the root crate may name.
fn may_know(from: &str, to: &str) -> bool {
    if from == to || TOP.contains(&from) {
        return true;
    }
    let to_is_ground = !TOP.contains(&to) && !LAYERS.contains(&to);
    match from {
        "engine" | "http" => to_is_ground || to == "store",
        _ => to_is_ground,
    }
}

/// Findings about the paths in one source. Sources outside `src/` and `core/src/` have no layer.
pub(crate) fn check_layers(path: &str, tokens: &TokenStream) -> Vec<Finding> {
    let Some((place, krate)) = place_of(path) else {
        return Vec::new();
    };
    let mut walk = Walk {
        path,
        krate,
        findings: Vec::new(),
    };
    walk.stream(tokens.clone(), &place);
    walk.findings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crate {
    Root,
    Core,
}

/// The module a file is: `src/engine/driver.rs` is `engine::driver`, `src/http/mod.rs` is `http`.
fn place_of(path: &str) -> Option<(Vec<String>, Crate)> {
    let (inner, krate) = match (path.strip_prefix("src/"), path.strip_prefix("core/src/")) {
        (Some(inner), _) => (inner, Crate::Root),
        (_, Some(inner)) => (inner, Crate::Core),
        _ => return None,
    };
    let mut place: Vec<String> = inner
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let is_root = |name: &String| name == "mod" || name == "lib" || name == "main";
    // `main` and `lib` stay as a name when alone: they are places at the top.
    if place.len() > 1 && place.last().is_some_and(is_root) {
        place.pop();
    }
    Some((place, krate))
}

struct Walk<'a> {
    path: &'a str,
    krate: Crate,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    /// Looks for paths in a stream that stands in the module `place`.
    fn stream(&mut self, tokens: TokenStream, place: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let mut inside_path = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.stream(group.stream(), place),
                TokenTree::Ident(ident) if ident == "mod" => self.module(&mut tokens, place),
                TokenTree::Ident(ident) if !inside_path => {
                    let line = ident.span().start().line;
                    self.path_from(&ident.to_string(), line, &mut tokens, place);
                }
                _ => {}
            }
            inside_path = takes_colons(&mut tokens);
        }
    }

    fn module(&mut self, tokens: &mut Peekable<IntoIter>, place: &[String]) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        if let Some(TokenTree::Group(group)) = tokens.peek() {
            let inner = group.stream();
            tokens.next();
            let at_root =
                place.len() == 1 && place.iter().any(|part| part == "lib" || part == "main");
            let mut deeper = if at_root { Vec::new() } else { place.to_vec() };
            deeper.push(name.to_string());
            self.stream(inner, &deeper);
        }
    }

    /// `first` begins a path; follows it as far as it decides something.
    fn path_from(
        &mut self,
        first: &str,
        line: usize,
        tokens: &mut Peekable<IntoIter>,
        place: &[String],
    ) {
        match first {
            "crate" | "tidings" => self.absolute(tokens, place, line),
            "super" => self.relative(tokens, place, line),
            "std" if self.krate == Crate::Core => self.std(tokens, line),
            _ => {}
        }
    }

    fn absolute(&mut self, tokens: &mut Peekable<IntoIter>, place: &[String], line: usize) {
        for name in next_names(tokens) {
            self.knows(place, &name, line);
        }
    }

    /// `super::super::x`: as many steps up as there are; only what leaves the top module can break the order.
    fn relative(&mut self, tokens: &mut Peekable<IntoIter>, place: &[String], line: usize) {
        let mut up = 1;
        loop {
            let names = next_names(tokens);
            if names.iter().all(|name| name == "super") && !names.is_empty() {
                up += 1;
                continue;
            }
            if up >= place.len() {
                for name in names {
                    self.knows(place, &name, line);
                }
            }
            return;
        }
    }

    fn knows(&mut self, place: &[String], to: &str, line: usize) {
        let Some(from) = place.first() else { return };
        let is_module = to.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if self.krate == Crate::Root && is_module && !may_know(from, to) {
            let remedy = format!(
                "`{from}` must not know `{to}`: let app hand it in, or meet in the store (order: core, ground, store, \
                 engine | http, top)"
            );
            self.findings
                .push(Finding::new(self.path, line, "layer", remedy));
        }
    }

    fn std(&mut self, tokens: &mut Peekable<IntoIter>, line: usize) {
        for name in next_names(tokens) {
            let worldly = match name.as_str() {
                "net" => next_names(tokens)
                    .into_iter()
                    .find(|inner| WORLDLY_NET.contains(&inner.as_str())),
                name if WORLDLY_STD.contains(&name) => Some(name.to_owned()),
                _ => None,
            };
            if let Some(part) = worldly {
                let remedy = format!(
                    "core is pure: `std` `{part}` touches the world; take what it gives as an argument"
                );
                self.findings
                    .push(Finding::new(self.path, line, "core", remedy));
            }
        }
    }
}

/// After a path's part: the next part, or the first parts of each branch of `{…}`. Consumes what it reads.
fn next_names(tokens: &mut Peekable<IntoIter>) -> Vec<String> {
    if !takes_colons(tokens) {
        return Vec::new();
    }
    match tokens.peek().cloned() {
        Some(TokenTree::Ident(name)) => {
            tokens.next();
            vec![name.to_string()]
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            tokens.next();
            branches(group.stream())
        }
        _ => Vec::new(),
    }
}

fn branches(tree: TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut at_start = true;
    for token in tree {
        match token {
            TokenTree::Ident(name) if at_start => {
                names.push(name.to_string());
                at_start = false;
            }
            TokenTree::Punct(punct) => at_start = punct.as_char() == ',',
            _ => {}
        }
    }
    names
}

/// Consumes `::` if it is next.
fn takes_colons(tokens: &mut Peekable<IntoIter>) -> bool {
    let mut ahead = tokens.clone();
    for _ in 0..2 {
        let next = ahead.next();
        if !matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == ':') {
            return false;
        }
    }
    *tokens = ahead;
    true
}

/// Core's manifest names no crate that brings a runtime, I/O, a clock or chance. Its tests may.
pub(crate) fn check_core_manifest(path: &str, manifest: &str) -> Vec<Finding> {
    let Ok(table) = manifest.parse::<toml::Table>() else {
        return vec![Finding::new(path, 1, "core", "the manifest is not TOML")];
    };
    let names = dependency_names(&table);
    let worldly = names
        .into_iter()
        .filter(|name| WORLDLY.iter().any(|pattern| matches(pattern, name)));
    worldly
        .map(|name| {
            let line = manifest
                .lines()
                .position(|line| line.starts_with(&name))
                .map_or(1, |i| i + 1);
            let remedy =
                format!("core is pure: `{name}` does not belong there; pass in what it would give");
            Finding::new(path, line, "core", remedy)
        })
        .collect()
}

/// Dependencies for build and run, for every target, by the name on the registry.
fn dependency_names(table: &toml::Table) -> Vec<String> {
    let targets = table.get("target").and_then(toml::Value::as_table);
    let per_target = targets
        .into_iter()
        .flat_map(toml::Table::values)
        .filter_map(toml::Value::as_table);
    std::iter::once(table)
        .chain(per_target)
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)))
        .filter_map(|dependencies| dependencies?.as_table())
        .flatten()
        .map(|(name, value)| {
            let package = value.get("package").and_then(toml::Value::as_str);
            package.unwrap_or(name).to_owned()
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

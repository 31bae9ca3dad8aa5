//! What no answer may show (S25): files, statements, inside addresses, stacks; and no input longer than 64 characters.

/// What gives the inside away, in whatever case.
const INSIDE: [&str; 19] = [
    "src/",
    ".rs:",
    "panicked",
    "backtrace",
    "rust_",
    "tokio",
    "hyper::",
    "serde",
    "rusqlite",
    "sqlite",
    "postgres",
    "constraint",
    "tidings.db",
    "master.key",
    "/tmp/",
    "/home/",
    "/var/",
    "127.0.0.1",
    "errno",
];

/// Words of statements; in small letters they are English.
const STATEMENTS: [&str; 8] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE FROM",
    "WHERE ",
    " JOIN ",
    "PRAGMA ",
    "VALUES",
];

/// What an answer shows that was not in the request.
pub fn shown_in(answer: &str, asked: &str) -> Vec<&'static str> {
    let statements = STATEMENTS.into_iter().filter(|text| answer.contains(text));
    let small = answer.to_lowercase();
    let found = INSIDE.into_iter().filter(|text| small.contains(text));
    let asked = asked.to_lowercase();
    found
        .chain(statements)
        .filter(|text| !asked.contains(&text.to_lowercase()))
        .collect()
}

/// Whether `answer` repeats more than 64 characters of `asked` in one piece.
pub fn repeats(answer: &str, asked: &str) -> bool {
    let asked: Vec<char> = asked.chars().collect();
    asked
        .windows(65)
        .any(|piece| answer.contains(&piece.iter().collect::<String>()))
}

/// That an error shows nothing of the inside, and no more of what was sent than it may.
#[track_caller]
pub fn check(answer: &str, asked: &str) {
    let found = shown_in(answer, asked);
    assert!(found.is_empty(), "{found:?} in {answer}");
    assert!(!repeats(answer, asked), "too much repeated: {answer}");
}

#[test]
fn s25_leaks_are_found() {
    for text in [
        "at src/http/mod.rs:12",
        "no such table: SELECT id FROM keys",
        "thread 'main' panicked",
        "open /var/lib/tidings/tidings.db",
        "connect 127.0.0.1:5432",
    ] {
        assert!(!shown_in(text, "").is_empty(), "{text}");
        assert!(shown_in(text, text).is_empty(), "{text}");
    }
    assert!(repeats(&"x".repeat(65), &"x".repeat(70)));
    assert!(!repeats(&"x".repeat(64), &"x".repeat(70)));
}

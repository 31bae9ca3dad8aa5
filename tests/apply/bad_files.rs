//! Bad files, each with the line and the words of its refusal; none changes anything.

use super::{Ended, Place};

const HEAD: &str =
    "version: 1\norganizations:\n  - id: 7\n    name: Seven\n    add_ons: [api_access]\n";
const ENDPOINT: &str =
    "    endpoints:\n      - url: https://a.example.com/\n        event_types: [project.updated]\n";

/// What stands after a good head, and what is said of it.
const AFTER_HEAD: &[(&str, &str)] = &[
    (
        "    nmae: Eight\n",
        "stdin:6: unknown field `nmae` in an organization; did you mean `name`?",
    ),
    (
        "    colour: red\n",
        "stdin:6: unknown field `colour` in an organization; there are id, name, slug, add_ons, retention, webhooks, endpoints",
    ),
    (
        "    name: Eight\n",
        "stdin:6: no YAML: |stdin:6: `name` stands here twice",
    ),
    (
        "    webhooks: off\n",
        "stdin:6: webhooks: true or false is wanted",
    ),
    (
        "    webhooks: yes\n",
        "stdin:6: webhooks: true or false is wanted",
    ),
    (
        "    slug: true\n",
        "stdin:6: slug: true is no text; in quotes it is one",
    ),
    (
        "    slug: 0x1F\n",
        "stdin:6: `0x1F` is no number as JSON writes them; in quotes it is a text",
    ),
    (
        "    slug: 007\n",
        "stdin:6: `007` is no number as JSON writes them; in quotes it is a text",
    ),
    (
        "    slug: !!str x\n",
        "stdin:6: tags (!…) are not read; leave it out",
    ),
    (
        "    <<: {slug: x}\n",
        "stdin:6: unknown field `<<` in an organization",
    ),
    ("    ? [a]\n    : b\n", "stdin:6: a key must be a text"),
    ("\tslug: x\n", "stdin:6: no YAML: "),
    ("    slug: \"x\n", "no YAML: "),
    ("    slug: *nothing\n", "stdin:6: no YAML: "),
    ("    endpoints: 5\n", "stdin:6: endpoints: a list is wanted"),
    (
        "    endpoints:\n      - {event_types: [project.updated]}\n",
        "stdin:7: an endpoint without `url`",
    ),
    (
        "    endpoints:\n      - url: ftp://a.example.com/\n",
        "stdin:7: url: ",
    ),
    (
        "    endpoints:\n      - url: https://user:pass@a.example.com/\n",
        "stdin:7: url: ",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/…\n        event_types: [project.updated]\n",
        "stdin:7: url: `https://a.example.com/…` is a masked URL",
    ),
    (
        "    endpoints:\n      - https://a.example.com/\n",
        "stdin:7: an endpoint is written as `name: value` lines",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/\n        event_types: []\n",
        "stdin:8: event_types: 1 to 500 are wanted",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/\n        event_types: [project]\n",
        "stdin:8: `project`: ",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/\n        event_types: [project.updatd]\n",
        "stdin:7: event type `project.updatd` is in neither the catalogue nor the file; did you mean `project.updated`?",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/\n        event_types: [project.updated, project.updated]\n",
        "stdin:8: `project.updated` stands here twice",
    ),
    (
        "    endpoints:\n      - url: https://a.example.com/\n",
        "stdin:7: a new endpoint needs event_types",
    ),
    (
        "    endpoints:\n      - id: key_1\n        url: https://a.example.com/\n",
        "stdin:7: `key_1` is no endpoint's id (ep_…)",
    ),
    (
        "  - id: 7\n    name: Again\n",
        "stdin:6: organization 7 stands at stdin:3 too",
    ),
    (
        "  - id: 0\n",
        "stdin:6: id: a whole number from 1 to 2^53 - 1 is wanted",
    ),
    ("  - id: \"8\"\n", "stdin:6: id: a whole number"),
    ("  - name: Eight\n", "stdin:6: an organization without `id`"),
    (
        "  - id: 8\n",
        "stdin:6: organization 8 is new and needs a name",
    ),
    (
        "---\nversion: 1\n",
        "stdin:6: a second document; put it in a file of its own",
    ),
];

/// What stands after a good endpoint.
const AFTER_ENDPOINT: &[(&str, &str)] = &[
    (
        "        secret_from: {env: A, file: b}\n",
        "stdin:9: secret_from: one of `env: VARIABLE` and `file: PATH` is wanted",
    ),
    (
        "        secret: x\n        secret_from: {env: A}\n",
        "stdin:10: secret_from: there is a secret already",
    ),
    (
        "        secret: 12345\n",
        "stdin:9: secret: 12345 is no text; in quotes it is one",
    ),
    (
        "        secret_from: {env: TIDINGS_TEST_UNSET}\n",
        "stdin:7: secret: the environment has no variable TIDINGS_TEST_UNSET",
    ),
    (
        "        secret_from: {file: not-there}\n",
        "stdin:7: secret: cannot read not-there",
    ),
    (
        "        headers: {X-A: 1}\n",
        "stdin:9: X-A: 1 is no text; in quotes it is one",
    ),
    (
        "        headers: {Host: a}\n",
        "stdin:9: header `Host`: this header is set by the server",
    ),
    (
        "        headers: {X-A: a, x-a: b}\n",
        "stdin:9: header `x-a`: this header is given twice",
    ),
    (
        "        headers: {X-A: {env: TIDINGS_TEST_UNSET}}\n",
        "stdin:7: header `x-a`: the environment has no variable",
    ),
    (
        "        event_type: [project.updated]\n",
        "stdin:9: unknown field `event_type` in an endpoint; did you mean `event_types`?",
    ),
    (
        "      - url: https://b.example.com/\n        event_types: [project.updated]\n        enabled: \"false\"\n",
        "stdin:11: enabled: true or false is wanted",
    ),
];

/// Whole files.
const WHOLE: &[(&str, &str)] = &[
    ("", "stdin:1: the file is written as `name: value` lines"),
    ("[]\n", "stdin:1: the file is written as"),
    ("organizations: []\n", "stdin:1: the file without `version`"),
    (
        "version: 2\n",
        "stdin:1: version: this program reads version 1",
    ),
    (
        "version: 1\norganisations: []\n",
        "stdin:2: unknown field `organisations` in the file; did you mean `organizations`?",
    ),
    (
        "version: 1\nevent_types:\n  - type: project.updated\n    label: Mine\n",
        "stdin:3: `project.updated` is of the compatible set",
    ),
    (
        "version: 1\nevent_types:\n  - type: order.shipped\n    enforced: true\n",
        "stdin:3: enforced: there is no schema to enforce",
    ),
    (
        "version: 1\nevent_types:\n  - type: order.public.shipped\n",
        "stdin:3: `order.public.shipped` needs its own form `order.shipped`",
    ),
    (
        "version: 1\nevent_types:\n  - type: order.shipped\n    schema: [1]\n",
        "stdin:4: schema: an object is wanted",
    ),
    (
        "version: 1\nevent_types:\n  - type: order.shipped\n  - type: order.shipped\n",
        "stdin:4: `order.shipped` stands at stdin:3 too",
    ),
    (
        "version: 1\nevent_types:\n  - type: order.shipped\n    example: {a: .inf}\n",
        "stdin:4: `.inf` is no number as JSON writes them",
    ),
];

#[track_caller]
fn check(place: &Place, file: &str, words: &str) {
    let ended: Ended = place.apply(file, &["--yes"]);
    assert_eq!(ended.code, 1, "{file}\n{}{}", ended.out, ended.err);
    assert!(
        words.split('|').any(|words| ended.err.contains(words)),
        "{file}\n{words}\n{}",
        ended.err
    );
}

#[test]
fn a_bad_file_is_refused_whole_with_its_line() {
    let place = Place::start();
    for (rest, words) in AFTER_HEAD {
        check(&place, &format!("{HEAD}{rest}"), words);
    }
    for (rest, words) in AFTER_ENDPOINT {
        check(&place, &format!("{HEAD}{ENDPOINT}{rest}"), words);
    }
    for (file, words) in WHOLE {
        check(&place, file, words);
    }
    assert_eq!(
        place.server.call("GET", "/v1/organizations/7", "").0,
        404,
        "nothing was changed"
    );
}

#[test]
fn all_mistakes_are_said_at_once_in_the_order_of_lines() {
    let place = Place::start();
    let ended = place.apply(
        &format!("{HEAD}    webhooks: off\n    slug: 5\n    colour: red\n"),
        &[],
    );
    let lines: Vec<&str> = ended
        .err
        .lines()
        .filter_map(|line| line.trim().strip_prefix("stdin:"))
        .collect();
    let lines: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(lines, ["6", "7", "8"], "{}", ended.err);
}

#[test]
fn what_grows_without_end_is_refused() {
    let place = Place::start();
    let mut bomb = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..=9 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", "));
    }
    check(&place, &bomb, "stdin:7: more than 2000000 values");
    let anchors: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let within = format!(
        "version: {anchors}{}0{}",
        "0, ".repeat(40_000),
        "]".repeat(60)
    );
    check(&place, &within, "stdin:1: more than 2000000 values");
    check(
        &place,
        &format!("version: {}", "[".repeat(5_000)),
        "stdin:1: nested deeper than 64|no YAML: ",
    );
    check(
        &place,
        &format!("version: 1 #{}", "x".repeat(16 * 1024 * 1024)),
        "stdin:1: longer than 16777216 bytes",
    );
}

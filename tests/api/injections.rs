//! S20: 200 texts that mean something to a database, a shell, a template or a parser, in every filter and every id of every
//! list and look-up. Each is refused as what it is not or finds exactly what it names; none fails inside, none finds more.

use super::console::{Login, get, login};
use super::leaks;
use super::matrix_scene::Stored;
use super::world::{LARKSPUR, RIVERSIDE, World};
use std::collections::BTreeSet;

/// Texts by what they are for.
const TEXTS: &[&[&str]] = &[
    // Statements that end, go on, say yes, wait or join.
    &[
        "'",
        "\"",
        "`",
        "''",
        "\\'",
        "';",
        "'--",
        "' OR '1'='1",
        "' OR 1=1--",
        "\" OR \"\"=\"",
        "') OR ('1'='1",
        "1 OR 1=1",
        "1' OR '1'='1' /*",
        "1; DROP TABLE events",
        "'; DROP TABLE events; --",
        "1) UNION SELECT 1--",
        "' UNION SELECT hash FROM api_keys--",
        "' UNION ALL SELECT NULL,NULL,NULL--",
        "1 UNION SELECT sql FROM sqlite_schema",
        "'||(SELECT name FROM sqlite_schema)||'",
        "' AND randomblob(1000000000)--",
        "'; SELECT pg_sleep(10)--",
        "1 AND 1=(SELECT COUNT(*) FROM endpoints)",
        "'; ATTACH DATABASE '/tmp/x' AS x; --",
        "'; PRAGMA writable_schema=1; --",
        "' AND load_extension('x')--",
        "%27 OR 1=1",
        "0x27",
        "CHAR(39)",
        "' LIKE '%",
        "%",
        "_",
        "%%",
        "evt_%",
        "ep_%",
        "dlv_%",
        "*",
        "?",
        "?1",
        ":1",
        "$1",
        "@id",
        "NULL",
        "null",
        "true",
        "1=1",
        "-1 OR 1",
        "1/0",
        "' GLOB '*",
        "COPY events TO PROGRAM 'id'",
        "$$;SELECT 1;$$",
        "E'\\x27'",
        "U&'\\0027'",
        "'::text",
        "1::int",
        "(SELECT 1)",
        "/**/",
        "--",
        "#",
        ";",
        "';VACUUM INTO '/tmp/x'--",
        "' ORDER BY 99--",
        "' HAVING 1=1--",
        "' LIMIT 1 OFFSET 1--",
    ],
    // Numbers that run over, and ids that are nearly ones.
    &[
        "0",
        "-0",
        "-1",
        "+1",
        "00",
        "007",
        "1e9",
        "1.0",
        "0x11",
        "١٢",
        "４４１７",
        "4417 ",
        " 4417",
        "4417\t",
        "4417;",
        "4417,9001",
        "4417|9001",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "9007199254740992",
        "99999999999999999999999999999999",
        "NaN",
        "Infinity",
        "1_000",
        "ep_",
        "evt_",
        "dlv_",
        "ep_0",
        "EP_0000000000000",
        "ep_ZZZZZZZZZZZZZ",
        "ep_zzzzzzzzzzzzz",
        "ep_0000000000000",
        "evt_7ZZZZZZZZZZZZ",
        "evt_zzzzzzzzzzzzz",
        "dlv_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "ep_000000000000",
        "ep_00000000000000",
        "ep_000000000000I",
        "ep_000000000000L",
        "ep_000000000000O",
        "ep_000000000000U",
        "ep_00000000000é0",
    ],
    // Ways out of a folder, into a shell, a header, a template, a page.
    &[
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "..\\..\\windows\\win.ini",
        "/etc/passwd",
        "file:///etc/passwd",
        "....//....//etc/passwd",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..;/",
        "~root",
        "C:\\",
        "\\\\host\\share",
        "/dev/zero",
        "/proc/self/environ",
        "tidings.db",
        "master.key",
        "$(id)",
        "`id`",
        "| id",
        "; id",
        "&& id",
        "%0a id",
        "\n id",
        "\r\nset-cookie: a=b",
        "%0d%0aset-cookie:%20a=b",
        "{{7*7}}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
        "{% debug %}",
        "@{7*7}",
        "${jndi:ldap://x/}",
        "{{constructor.constructor('x')()}}",
        "<script>alert(1)</script>",
        "\"><svg/onload=x>",
        "javascript:alert(1)",
        "<!--",
        "]]>",
        "&lt;",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///\">]>",
        "{\"$ne\":null}",
        "{\"$gt\":\"\"}",
        "[$ne]=1",
        "true, $where: '1 == 1'",
        "*)(uid=*))(|(uid=*",
        "admin*)((|userpassword=*)",
        "' or count(/*)=1 or '",
        "^(a+)+$",
        "(((((((((((((((((((((a",
        "[a-",
        "a{1,99999999}",
    ],
    // Characters that end, hide, turn around or fold into others.
    &[
        "\0",
        "a\0b",
        "%00",
        "\u{1}",
        "\u{7}",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{ad}",
        "\u{200b}",
        "\u{200d}",
        "\u{202e}dlv",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "ﬁ",
        "ſ",
        "İ",
        "ß",
        "K",
        "e\u{301}",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "＇ OR １＝１",
        "ʼ",
        "‘",
        "’",
        "«",
        "\u{e000}",
        "𝔢𝔭_",
        "еp_0000000000000",
        "\t",
        "\n",
        "\r",
        " ",
        "   ",
        "+",
        "&",
        "=",
        "&&",
        "a&b=c",
        "%",
        "%%%",
        "%zz",
        "%c0%af",
        "%ff",
        "%ed%a0%80",
    ],
];

/// Ids that no text of the list may find, and what only the other organization has.
struct Known {
    endpoint: String,
    event: String,
    delivery: String,
    foreign: Vec<String>,
}

async fn know(world: &World) -> Known {
    let mut found = Vec::new();
    for owner in [LARKSPUR, RIVERSIDE] {
        let endpoint = world.endpoint(owner, &["project.updated"]).await;
        let body = format!(
            r#"{{"type":"project.updated","organization_id":{owner},"data":{{}},"reference":"ref-{owner}"}}"#
        );
        let event = world.send("POST", "/v1/events", &body).await.expect(202);
        let path = format!("/v1/organizations/{owner}/deliveries?state=delivered");
        let page = world.until(&path, |page| page["data"][0].is_object()).await;
        let text = |value: &serde_json::Value| value["id"].as_str().unwrap().to_owned();
        found.push([text(&endpoint), text(&event), text(&page["data"][0])]);
    }
    let [endpoint, event, delivery] = found.remove(0);
    let mut foreign = found.remove(0).to_vec();
    foreign.push(format!("ref-{RIVERSIDE}"));
    Known {
        endpoint,
        event,
        delivery,
        foreign,
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Every place that takes a text from outside, with that text in it.
fn places(known: &Known, text: &str) -> Vec<String> {
    let base = format!("/v1/organizations/{LARKSPUR}");
    let (endpoint, event, delivery) = (&known.endpoint, &known.event, &known.delivery);
    let mut all = Vec::new();
    let filters = [
        "endpoint",
        "state",
        "type",
        "event",
        "reference",
        "from",
        "to",
        "limit",
        "cursor",
    ];
    for filter in filters {
        all.push(format!("{base}/deliveries?{filter}={}", encoded(text)));
    }
    for list in [
        "/v1/keys",
        "/v1/organizations",
        &format!("{base}/events"),
        &format!("{base}/endpoints"),
    ] {
        all.push(format!("{list}?cursor={}", encoded(text)));
        all.push(format!("{list}?limit={}", encoded(text)));
    }
    all.push(format!("{base}/deliveries?{}=1", encoded(text)));
    for name in ["from", "to", "step"] {
        all.push(format!("{base}/stats?{name}={}", encoded(text)));
    }
    // In paths as they are: percent signs are not undone there.
    let part = encoded(text).replace('+', "%20");
    for path in [
        format!("/v1/organizations/{part}"),
        format!("/v1/organizations/{part}/endpoints"),
        format!("{base}/endpoints/{part}"),
        format!("{base}/endpoints/{endpoint}{part}"),
        format!("{base}/endpoints/{endpoint}/replay/{part}"),
        format!("/v1/events/{part}"),
        format!("/v1/events/{event}{part}"),
        format!("/v1/deliveries/{part}"),
        format!("/v1/deliveries/{delivery}{part}"),
        format!("/v1/event-types/{part}"),
    ] {
        all.push(path);
    }
    all
}

/// Pages of the console that take one.
fn pages(text: &str) -> Vec<String> {
    let of = format!("organization={LARKSPUR}");
    let mut all = vec![
        format!("/admin/overview?organization={}", encoded(text)),
        format!("/admin/organizations?name={}", encoded(text)),
        format!("/admin/signature?{of}&delivery={}", encoded(text)),
        format!("/admin/members?{of}&cursor={}", encoded(text)),
    ];
    for filter in [
        "q",
        "endpoint",
        "state",
        "type",
        "event",
        "reference",
        "from",
        "to",
        "cursor",
    ] {
        all.push(format!("/admin/deliveries?{of}&{filter}={}", encoded(text)));
    }
    all
}

#[tokio::test]
async fn s20_two_hundred_injections_in_every_filter_and_id_find_nothing_and_break_nothing() {
    let world = World::with_organizations().await;
    let known = know(&world).await;
    let texts: BTreeSet<&str> = TEXTS
        .iter()
        .flat_map(|texts| texts.iter().copied())
        .collect();
    assert!(texts.len() >= 200, "{}", texts.len());
    let mut stored = Stored::of(&world);
    let (mut calls, mut found) = (0, 0);
    for text in &texts {
        for path in places(&known, text) {
            let answer = world.get(&path).await;
            calls += 1;
            let shown = format!("{path}: {} {}", answer.status, answer.text);
            assert!((200..500).contains(&answer.status), "{shown}");
            for foreign in &known.foreign {
                assert!(
                    path.contains("/v1/organizations?") || !answer.text.contains(foreign),
                    "{shown}"
                );
            }
            if answer.status >= 400 {
                leaks::check(&answer.text, &format!("{path} {text}"));
                continue;
            }
            found += 1;
            // What was taken is a filter that is there by chance, and finds what it says: nothing.
            let harmless = answer.json()["data"].as_array().is_none_or(Vec::is_empty)
                || path.contains("limit=")
                || path.starts_with("/v1/organizations/");
            assert!(harmless, "{shown}");
            if path.contains("/deliveries?reference=") {
                assert_eq!(answer.json()["data"], serde_json::json!([]), "{shown}");
            }
        }
    }
    assert!(!stored.has_changed(), "looking changes nothing");
    println!(
        "{} texts, {calls} calls, {found} answered with a list, 0 wrong",
        texts.len()
    );
}

#[tokio::test]
async fn s20_the_consoles_pages_take_them_as_text() {
    let world = World::with_organizations().await;
    let known = know(&world).await;
    let Login { cookie, .. } = login(&world).await;
    let texts: BTreeSet<&str> = TEXTS
        .iter()
        .flat_map(|texts| texts.iter().copied())
        .collect();
    for text in texts {
        for path in pages(text) {
            let answer = get(&world, &path, &cookie).await;
            assert!(answer.status < 500, "{path}: {}", answer.text);
            let raw = text.contains('<') && answer.text.contains(text);
            assert!(!raw || text == "<!--", "{path} is shown as it is");
            for foreign in &known.foreign {
                assert!(!answer.text.contains(foreign), "{path} shows {foreign}");
            }
        }
    }
}

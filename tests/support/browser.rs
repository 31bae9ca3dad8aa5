//! A real browser: Debian's chromium, driven through its driver by the W3C WebDriver protocol.
//!
//! Deliberately absent: a client library. Those for Rust bring crates that this project's rules refuse (docs/decisions/
//! dependencies.md); the few commands that tests need are one JSON request each. Everything is ended when dropped.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The name under which the protocol hides elements in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long a page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the browser is to be.
#[derive(Clone, Copy)]
pub struct Looks {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub script: bool,
}

impl Looks {
    pub const WIDE: Self = Self {
        width: 1280,
        height: 900,
        dark: false,
        script: true,
    };
    pub const PHONE: Self = Self {
        width: 390,
        height: 844,
        ..Self::WIDE
    };

    pub const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    pub const fn without_script(self) -> Self {
        Self {
            script: false,
            ..self
        }
    }
}

/// The driver's process, on a port of its own.
pub struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    pub fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs (Debian: chromium-driver)");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let rest = line.split("successfully on port ").nth(1)?;
                rest.trim_end_matches('.').trim().parse().ok()
            })
            .expect("chromedriver says its port");
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port }
    }

    /// A new browser with a profile of its own.
    pub fn open(&self, looks: Looks) -> Browser<'_> {
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--lang=en-GB",
        ]
        .map(String::from)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push(format!("--window-size={},{}", looks.width, looks.height));
        if looks.dark {
            arguments.push(String::from("--blink-settings=preferredColorScheme=0"));
        }
        let script = if looks.script { 1 } else { 2 };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": script},
            },
        }}});
        let made = self.call("POST", "/session", Some(&wanted)).unwrap();
        let session = made["sessionId"].as_str().unwrap().to_owned();
        let browser = Browser {
            driver: self,
            session,
            looks,
            _profile: profile,
        };
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": looks.width, "height": looks.height, "deviceScaleFactor": 1, "mobile": looks.width < 600,
        }});
        browser.post("/goog/cdp/execute", &metrics);
        let scheme = if looks.dark { "dark" } else { "light" };
        let media = json!({"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": scheme}],
        }});
        browser.post("/goog/cdp/execute", &media);
        browser
    }

    /// One command; its `value`, or the driver's words.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        let limit = Some(Duration::from_secs(60));
        stream.get_ref().set_read_timeout(limit).unwrap();
        let body = body.map_or_else(String::new, Value::to_string);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (0_u16, None);
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap() > 2 {
            if status == 0 {
                status = line.split(' ').nth(1).unwrap().parse().unwrap();
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
            line.clear();
        }
        let mut answer = vec![0; length.expect("the driver states lengths")];
        stream.read_exact(&mut answer).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        match status {
            200 => Ok(answer["value"].clone()),
            _ => Err(answer["value"]["message"].to_string()),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

/// A browser with one window.
pub struct Browser<'d> {
    driver: &'d Driver,
    session: String,
    looks: Looks,
    _profile: TempDir,
}

impl Browser<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/session/{}{rest}", self.session)
    }

    #[track_caller]
    fn post(&self, rest: &str, body: &Value) -> Value {
        let answer = self.driver.call("POST", &self.path(rest), Some(body));
        answer.unwrap_or_else(|error| panic!("{rest}: {error}\n{}", self.text()))
    }

    fn get(&self, rest: &str) -> Value {
        self.driver
            .call("GET", &self.path(rest), None)
            .unwrap_or(Value::Null)
    }

    /// Opens a page and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap_or_default().to_owned()
    }

    pub fn title(&self) -> String {
        self.get("/title").as_str().unwrap_or_default().to_owned()
    }

    /// The page's text as people see it.
    pub fn text(&self) -> String {
        let found = self.find("body").and_then(|element| {
            let path = self.path(&format!("/element/{element}/text"));
            self.driver.call("GET", &path, None)
        });
        found.map_or_else(
            |_| String::new(),
            |text| text.as_str().unwrap_or_default().to_owned(),
        )
    }

    /// The page's source.
    pub fn source(&self) -> String {
        self.get("/source").as_str().unwrap_or_default().to_owned()
    }

    fn find(&self, css: &str) -> Result<String, String> {
        let (using, value) = match css.strip_prefix("//") {
            Some(_) => ("xpath", css),
            None => ("css selector", css),
        };
        let found = self.driver.call(
            "POST",
            &self.path("/element"),
            Some(&json!({"using": using, "value": value})),
        )?;
        found[ELEMENT]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| found.to_string())
    }

    /// The element; a CSS selector, or an XPath that begins with `//`.
    #[track_caller]
    fn element(&self, css: &str) -> String {
        self.find(css)
            .unwrap_or_else(|error| panic!("{css}: {error}\nat {}\n{}", self.url(), self.text()))
    }

    pub fn has(&self, css: &str) -> bool {
        self.find(css).is_ok()
    }

    /// An element's text.
    #[track_caller]
    pub fn text_of(&self, css: &str) -> String {
        let element = self.element(css);
        let text = self.get(&format!("/element/{element}/text"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element.
    #[track_caller]
    pub fn click(&self, css: &str) {
        for _ in 0..10 {
            let element = self.element(css);
            let path = self.path(&format!("/element/{element}/click"));
            match self.driver.call("POST", &path, Some(&json!({}))) {
                Ok(_) => return,
                // A part of the page was drawn anew meanwhile.
                Err(error) if error.contains("stale element") => {}
                Err(error) => panic!("{css}: {error}\nat {}\n{}", self.url(), self.text()),
            }
        }
        panic!("{css} never holds still");
    }

    /// Clicks the button or link with these words.
    #[track_caller]
    pub fn press(&self, words: &str) {
        self.click(&format!(
            "//*[(self::a or self::button or self::summary) and normalize-space(.)='{words}']"
        ));
    }

    /// Types into a field, in place of what it held.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Chooses an option of a select by its value.
    #[track_caller]
    pub fn choose(&self, select: &str, value: &str) {
        self.click(&format!("{select} option[value='{value}']"));
    }

    /// Runs a script in the page.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Runs a script in the page that calls `done` with its answer.
    #[track_caller]
    pub fn run_async(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until the page's text holds these words.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        self.wait(&format!("«{words}»"), || self.text().contains(words));
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(
                begun.elapsed() < PATIENCE,
                "no {what} at {}\n{}",
                self.url(),
                self.text()
            );
            std::thread::sleep(Duration::from_millis(50)); // sleeps: the protocol has no signal for a page's text
        }
    }

    /// What the browser complained about since the last look: errors of scripts, refusals of the policy.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.driver.call(
            "POST",
            &self.path("/se/log"),
            Some(&json!({"type": "browser"})),
        );
        log.unwrap_or_default()
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let height = self.run("return document.documentElement.scrollHeight");
        let height = height.as_f64().unwrap_or(900.0).clamp(300.0, 4000.0);
        let shot = self.post(
            "/goog/cdp/execute",
            &json!({"cmd": "Page.captureScreenshot", "params": {
                "captureBeyondViewport": true,
                "clip": {"x": 0, "y": 0, "width": self.looks.width, "height": height, "scale": 1},
            }}),
        );
        base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap()
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        let _gone_already = self.driver.call("DELETE", &self.path(""), None);
    }
}

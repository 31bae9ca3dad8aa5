//! A server with a receiver, people who log in, and the steps that every story begins with.

use crate::browser::{Browser, Driver, Looks};
use crate::receiver::{Receiver, Reply, Request};
use crate::server::{Server, operator_key, tidings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const LARKSPUR: i64 = 4_417;
pub const RIVERSIDE: i64 = 9_001;
pub const NAME: &str = "mary@larkspur.example";
pub const PASSWORD: &str = "seven geese over the harbour";

pub struct World {
    pub server: Server,
    pub receiver: Receiver,
    pub driver: Driver,
    pub data: TempDir,
    /// Where the receiver lives.
    pub runtime: Runtime,
}

impl World {
    /// A server without anything, and a receiver that answers 204.
    pub fn empty() -> Self {
        Self::answering(|_| Reply::status(204))
    }

    /// One whose people need second factors.
    pub fn required_second_factor() -> Self {
        let required = [("TIDINGS_CONSOLE_SECOND_FACTOR", "required")];
        Self::started(|_| Reply::status(204), &required)
    }

    pub fn answering(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::started(script, &[])
    }

    fn started(
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        environment: &[(&str, &str)],
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let receiver = runtime.block_on(Receiver::start(script));
        let data = tempfile::tempdir().unwrap();
        let server = Server::start_with(data.path(), &operator_key(), environment);
        Self {
            server,
            receiver,
            driver: Driver::start(),
            data,
            runtime,
        }
    }

    /// With two organizations, of which only the first has an add-on.
    pub fn with_organizations() -> Self {
        Self::empty().organizations()
    }

    pub fn organizations(self) -> Self {
        for (id, name, add_ons) in [
            (LARKSPUR, "Larkspur Commons", json!(["api_access"])),
            (RIVERSIDE, "Riverside Pantry", json!([])),
        ] {
            let body = json!({"name": name, "add_ons": add_ons}).to_string();
            self.server
                .ok("PUT", &format!("/v1/organizations/{id}"), &body);
        }
        self
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    /// A one-time setup link, as the command line makes it, leading to this server.
    pub fn setup_link(&self) -> String {
        let made = tidings()
            .arg("setup-link")
            .arg("--data")
            .arg(self.data.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let link = String::from_utf8(made.stdout).unwrap();
        let path = link.trim().splitn(4, '/').nth(3).unwrap().to_owned();
        self.url(&format!("/{path}"))
    }

    /// Makes an operator's account and is logged in as it.
    pub fn operator<'w>(&'w self, looks: Looks) -> Browser<'w> {
        let browser = self.driver.open(looks);
        browser.open(&self.setup_link());
        browser.fill("#name", "operator");
        browser.fill("#password", PASSWORD);
        browser.press("Create the account");
        browser.wait_for("Organizations");
        browser
    }

    /// A portal link for an organization.
    pub fn portal_link(&self, organization: i64, role: &str) -> Value {
        let path = format!("/v1/organizations/{organization}/portal-links");
        let body =
            json!({"role": role, "return_url": "https://platform.example/admin"}).to_string();
        let mut link = self.server.ok("POST", &path, &body);
        let url = link["url"].as_str().unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap().to_owned();
        link["url"] = Value::from(self.url(&format!("/{path}")));
        link
    }

    /// Somebody who came by a portal link.
    pub fn portal<'w>(&'w self, organization: i64, role: &str, looks: Looks) -> Browser<'w> {
        let link = self.portal_link(organization, role);
        let browser = self.driver.open(looks);
        browser.open(link["url"].as_str().unwrap());
        if !looks.script {
            browser.press("Open");
        }
        browser.wait("page", || {
            browser.url().contains("/admin/integrations/webhooks")
        });
        browser
    }

    /// Posts an event of a type; answers its id.
    pub fn event(&self, event_type: &str, data: &Value) -> String {
        let body = json!({"type": event_type, "organization_id": LARKSPUR, "data": data, "reference": "order-7"});
        let posted = self.server.ok("POST", "/v1/events", &body.to_string());
        posted["id"].as_str().unwrap().to_owned()
    }
}

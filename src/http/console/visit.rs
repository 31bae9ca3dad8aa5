//! One request to the console: who makes it, where in the product it stands, and what it may do there.

use super::super::Shared;
use super::super::auth::{Caller, Who, no_organization};
use super::super::code::Code;
use super::super::head::single;
use super::super::problem::Problem;
use super::super::query::{CursorText, Query};
use super::super::reply::RequestId;
use super::super::route::Call;
use super::form::Form;
use super::session::Login;
use super::{Console, Refusal};
use crate::store::accounts::{Holder, Role, Standing};
use crate::store::directory::{Endpoint, PageRequest, Scope};
use crate::store::{Actor, Reach};
use http::header::{ACCEPT, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use std::net::IpAddr;
use std::sync::Arc;
use tidings_core::event_type::EventType;
use tidings_core::id::{EndpointId, OrganizationId};
use tidings_core::organization::Organization;
use tidings_core::time::Timestamp;

/// Characters of a browser's name that are kept.
const AGENT_CHARS: usize = 200;

/// A request.
#[derive(Clone)]
pub(super) struct Visit {
    pub api: Arc<Shared>,
    /// Shared by the ticks of a live page.
    pub head: Arc<Parts>,
    pub params: Vec<String>,
    /// The form of its path.
    pub route: &'static str,
    /// What was posted.
    pub form: Form,
    /// What stands in the query.
    pub query: Form,
    pub login: Option<Login>,
    pub peer: IpAddr,
    pub request_id: RequestId,
}

/// Where in the product a visit stands.
#[derive(Clone)]
pub(super) struct Place {
    pub organization: Arc<Organization>,
    /// What may be done there, as for an API key of that scope.
    pub caller: Caller,
}

impl Place {
    /// Whether things may be changed here.
    pub fn may_change(&self) -> bool {
        self.caller.sees_everything()
    }

    pub fn id(&self) -> OrganizationId {
        self.organization.id
    }

    /// What the organization's pages carry in their query.
    pub fn query(&self) -> String {
        format!("organization={}", self.id())
    }
}

impl Visit {
    pub fn new(api: &Arc<Shared>, head: Parts, peer: IpAddr, request_id: RequestId) -> Self {
        Self {
            api: Arc::clone(api),
            query: Form::parse(head.uri.query().unwrap_or_default().as_bytes()),
            head: Arc::new(head),
            params: Vec::new(),
            route: "",
            form: Form::default(),
            login: None,
            peer,
            request_id,
        }
    }

    pub fn console(&self) -> &Console {
        &self.api.console
    }

    pub fn now(&self) -> Timestamp {
        self.api.clock.now()
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// A header's one value, if it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let value = single(self.headers(), name).ok()??;
        std::str::from_utf8(value).ok()
    }

    /// Whether the script asks for what happens from now on.
    pub fn wants_live(&self) -> bool {
        self.header(&ACCEPT) == Some("text/event-stream")
    }

    /// What the browser calls itself.
    pub fn agent(&self) -> String {
        let agent = self.header(&USER_AGENT).unwrap_or_default();
        agent.chars().take(AGENT_CHARS).collect()
    }

    /// The parameter at that place of the path.
    pub fn param(&self, place: usize) -> &str {
        self.params.get(place).map_or("", String::as_str)
    }

    /// Who is logged in.
    pub fn login(&self) -> Result<&Login, Refusal> {
        self.login.as_ref().ok_or(Refusal::Login)
    }

    /// Whether an operator is logged in.
    pub fn is_operator(&self) -> bool {
        self.login.as_ref().is_some_and(Login::is_operator)
    }

    /// What an organization is called; its number when it is gone.
    pub fn name_of(&self, id: OrganizationId) -> String {
        let organization = self.api.store.organization(id);
        organization.map_or_else(|| id.to_string(), |found| found.name.clone())
    }

    /// The page of a list that the query's cursor asks for; `list` tells one list's cursors from another's.
    pub fn page(&self, list: &str) -> Result<(PageRequest, CursorText), Refusal> {
        let (_, page) = self.asked(list, &[], |_| ())?;
        Ok(page)
    }

    /// As [`Visit::page`], with what the query's filters ask for, read as the API reads them.
    pub fn asked<F>(
        &self,
        list: &str,
        filters: &[&str],
        read: impl FnOnce(&mut Query<'_>) -> F,
    ) -> Result<(F, (PageRequest, CursorText)), Problem> {
        let text = self.query.for_api(filters);
        let known: Vec<&str> = filters.iter().copied().chain(["cursor"]).collect();
        let mut query = Query::of(list, Some(&text), &known)?;
        let filter = read(&mut query);
        Ok((filter, query.page()?))
    }

    /// Who asks, for the audit log.
    pub fn actor(&self) -> Actor {
        let name = match &self.login {
            Some(login) => login.who().to_string(),
            None => String::from("anyone"),
        };
        Actor {
            name,
            address: Some(self.peer),
            request_id: Some(self.request_id.to_string()),
        }
    }

    /// The API's own way to do it: the same checks, the same words. `params` stand in for the path's.
    pub fn call(&self, caller: Caller, params: &[&str], body: Vec<u8>) -> Call {
        Call {
            api: Arc::clone(&self.api),
            caller: Some(caller),
            params: params.iter().map(|&param| param.to_owned()).collect(),
            head: http::Request::new(()).into_parts().0,
            body: body.into(),
            request_id: self.request_id,
            peer: self.peer,
        }
    }

    /// As [`Visit::call`], about an endpoint; `more` goes on after it in the path.
    pub fn call_of(
        &self,
        place: &Place,
        endpoint: &Endpoint,
        more: Option<&str>,
        body: Vec<u8>,
    ) -> Call {
        let (organization, id) = (place.id().to_string(), endpoint.id.to_string());
        let params: Vec<&str> = [organization.as_str(), &id]
            .into_iter()
            .chain(more)
            .collect();
        self.call(place.caller, &params, body)
    }

    /// Everywhere, for operators only.
    pub fn operator(&self) -> Result<Caller, Refusal> {
        let login = self.login()?;
        if login.is_operator() {
            return Ok(Caller {
                who: login.who(),
                scope: Scope::Operator,
            });
        }
        Err(Problem::new(Code::MissingScope, "This page is for operators.").into())
    }

    /// The organization that the query or the form names, or the only one that the login knows.
    pub fn place(&self) -> Result<Place, Refusal> {
        let login = self.login()?;
        let named = [&self.form, &self.query]
            .map(|form| form.trimmed("organization"))
            .into_iter()
            .find(|text| !text.is_empty());
        match named {
            Some(text) => self.place_named(text),
            None => match login.only_organization() {
                Some(id) => self.place_of(id),
                None => Err(Problem::new(
                    Code::NoSuchOrganization,
                    "Choose an organization first.",
                )
                .into()),
            },
        }
    }

    fn place_named(&self, text: &str) -> Result<Place, Refusal> {
        let id = text.parse().ok().and_then(OrganizationId::new);
        match id {
            Some(id) => self.place_of(id),
            None => Err(no_organization(text).into()),
        }
    }

    /// Whether the login sees this type: those of notices are not for everybody.
    pub fn shows(&self, entry: &EventType) -> bool {
        self.api.notices.shows_where(entry, |organization| {
            let scope = self
                .login
                .as_ref()
                .and_then(|login| login.scope(organization));
            scope.is_some()
        })
    }

    /// An organization, if the login knows it; a foreign one is as a missing one.
    pub fn place_of(&self, id: OrganizationId) -> Result<Place, Refusal> {
        let login = self.login()?;
        let organization = self.api.store.organization(id);
        match organization.zip(login.scope(id)) {
            Some((organization, scope)) => Ok(Place {
                organization,
                caller: Caller {
                    who: login.who(),
                    scope,
                },
            }),
            None => Err(no_organization(&id.to_string()).into()),
        }
    }

    /// As [`Visit::place`], for changes.
    pub fn administered(&self) -> Result<Place, Refusal> {
        let place = self.place()?;
        place.caller.administers(place.id())?;
        Ok(place)
    }

    /// The endpoint in the path, and where it stands.
    pub fn endpoint(&self) -> Result<(Place, Arc<Endpoint>), Refusal> {
        // Before anything is looked for: which endpoints there are is nobody's without a login.
        let login = self.login()?;
        let text = self.param(0);
        let missing = || Problem::missing(Code::NoSuchEndpoint, "endpoint", text);
        let id: EndpointId = text.parse().map_err(|_| missing())?;
        let mut reaches = login.reaches().into_iter();
        let endpoint = reaches.find_map(|reach| self.api.store.endpoint(reach, id));
        let endpoint = endpoint.ok_or_else(missing)?;
        match self.place_of(endpoint.organization) {
            Ok(place) => Ok((place, endpoint)),
            Err(_) => Err(missing().into()),
        }
    }

    /// As [`Visit::endpoint`], for changes.
    pub fn administered_endpoint(&self) -> Result<(Place, Arc<Endpoint>), Refusal> {
        let (place, endpoint) = self.endpoint()?;
        place.caller.administers(place.id())?;
        Ok((place, endpoint))
    }
}

impl Login {
    /// Who it is, for the audit log.
    pub fn who(&self) -> Who {
        match &self.session.holder {
            Holder::Account(account) => Who::Account(account.id),
            Holder::Portal { link, .. } => Who::Portal(*link),
        }
    }

    pub fn is_operator(&self) -> bool {
        matches!(&self.session.holder, Holder::Account(account) if account.standing == Standing::Operator)
    }

    /// The organizations it has a role in; operators are everywhere and have none.
    pub fn organizations(&self) -> Vec<OrganizationId> {
        match &self.session.holder {
            Holder::Portal { grant, .. } => vec![grant.organization],
            Holder::Account(account) => match &account.standing {
                Standing::Operator => Vec::new(),
                Standing::Member(grants) => grants.iter().map(|grant| grant.organization).collect(),
            },
        }
    }

    /// The same as the store takes it, one after the other.
    pub fn reaches(&self) -> Vec<Reach> {
        match self.is_operator() {
            true => vec![Reach::All],
            false => self.organizations().into_iter().map(Reach::One).collect(),
        }
    }

    pub fn only_organization(&self) -> Option<OrganizationId> {
        match self.organizations().as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// What it may do in an organization; nothing: `None`.
    pub fn scope(&self, organization: OrganizationId) -> Option<Scope> {
        let as_role = |role| match role {
            Role::Administrator => Scope::Administrator(organization),
            Role::Viewer => Scope::Viewer(organization),
        };
        match &self.session.holder {
            Holder::Portal { grant, .. } => {
                (grant.organization == organization).then(|| as_role(grant.role))
            }
            Holder::Account(account) => match &account.standing {
                Standing::Operator => Some(Scope::Operator),
                Standing::Member(grants) => grants
                    .iter()
                    .find(|grant| grant.organization == organization)
                    .map(|grant| as_role(grant.role)),
            },
        }
    }
}

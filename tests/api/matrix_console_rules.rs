//! Who may see and do what in the console: one rule for every route, and what follows from it.

use super::matrix_rules::Pick;

/// Who comes to the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    Nobody,
    /// Gave a right password, and no code yet.
    Half,
    Viewer,
    Administrator,
    /// Came by a portal link, as an administrator.
    Portal,
    ForeignViewer,
    ForeignAdministrator,
    Operator,
}

impl Visitor {
    pub const ALL: [Self; 8] = [
        Self::Nobody,
        Self::Half,
        Self::Viewer,
        Self::Administrator,
        Self::Portal,
        Self::ForeignViewer,
        Self::ForeignAdministrator,
        Self::Operator,
    ];

    /// Whose people it belongs to; operators to all of them.
    pub const fn of(self) -> Option<Pick> {
        match self {
            Self::Nobody | Self::Half | Self::Operator => None,
            Self::Viewer | Self::Administrator | Self::Portal => Some(Pick::Own),
            Self::ForeignViewer | Self::ForeignAdministrator => Some(Pick::Foreign),
        }
    }
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody; what is there is told from what is not.
    Open,
    /// Who gave a right password; others are led to where it is given.
    Half,
    /// Whoever is logged in.
    Login,
    /// Whoever has an account; to others there is nothing.
    Account,
    /// Who may look at the organization, and with an account of their own.
    Viewer,
    Member,
    /// Who may change the organization, and with an account of their own.
    Administrator,
    MemberAdministrator,
    /// As [`Who::MemberAdministrator`]; to viewers there is nothing.
    Owner,
    Operator,
}

/// What one route takes.
#[derive(Debug)]
pub struct Rule {
    /// Method and path, as in the table of routes, and the query that it takes; `{org}` is an organization's number.
    pub route: &'static str,
    pub who: Who,
    /// The form without its token; `{…}` are ids.
    pub form: &'static str,
    pub done: u16,
    pub changes: bool,
}

/// What must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Done(u16),
    /// Go and log in.
    Login,
    /// Go and give the password.
    Password,
    Refused(u16),
}

const fn page(route: &'static str, who: Who) -> Rule {
    Rule {
        route,
        who,
        form: "",
        done: 200,
        changes: false,
    }
}

const fn form(route: &'static str, who: Who, form: &'static str, done: u16) -> Rule {
    Rule {
        route,
        who,
        form,
        done,
        changes: true,
    }
}

/// Leads elsewhere, or says what is wrong with what was typed; either way nothing is stored.
const fn stays(route: &'static str, who: Who, form: &'static str, done: u16) -> Rule {
    Rule {
        route,
        who,
        form,
        done,
        changes: false,
    }
}

const PASSWORD: &str = "name=somebody&password=short";
const ENDPOINT: &str = "url=https://receiver.example/other&type=project.updated";
const RANGE: &str = "from=2026-02-01T00:00&to=2026-02-02T00:00&include=missing";

/// Every route's rule.
pub const RULES: &[Rule] = &[
    stays("GET /", Who::Open, "", 303),
    page("GET /favicon.ico", Who::Open),
    page("GET /docs", Who::Open),
    stays("GET /admin", Who::Login, "", 303),
    page("GET /admin/assets/{file}", Who::Open),
    page("GET /admin/login", Who::Open),
    // A login that was refused is on the audit log.
    form(
        "POST /admin/login",
        Who::Open,
        "name={nothing}&password=wrong",
        422,
    ),
    page("GET /admin/login/code", Who::Half),
    // A wrong code is on the audit log.
    form("POST /admin/login/code", Who::Half, "code=000000", 422),
    form("POST /admin/logout", Who::Open, "", 200),
    page("GET /admin/setup/{setup}", Who::Open),
    stays("POST /admin/setup/{setup}", Who::Open, PASSWORD, 422),
    page("GET /admin/invitation/{invitation}", Who::Open),
    stays(
        "POST /admin/invitation/{invitation}",
        Who::Open,
        PASSWORD,
        422,
    ),
    page("GET /admin/password/{password}", Who::Open),
    stays("POST /admin/password/{password}", Who::Open, PASSWORD, 422),
    page("GET /admin/portal/{portal}", Who::Open),
    form("POST /admin/portal/{portal}", Who::Open, "", 303),
    page("GET /admin/overview?organization={org}", Who::Viewer),
    page(
        "GET /admin/integrations/webhooks?organization={org}",
        Who::Viewer,
    ),
    form(
        "POST /admin/integrations/webhooks/switch?organization={org}",
        Who::Administrator,
        "enabled=false",
        303,
    ),
    page(
        "GET /admin/integrations/webhooks/new?organization={org}",
        Who::Administrator,
    ),
    form(
        "POST /admin/integrations/webhooks/new?organization={org}",
        Who::Administrator,
        ENDPOINT,
        200,
    ),
    page("GET /admin/integrations/webhooks/{ep}", Who::Viewer),
    page(
        "GET /admin/integrations/webhooks/{ep}/edit",
        Who::Administrator,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/edit",
        Who::Administrator,
        ENDPOINT,
        303,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/switch",
        Who::Administrator,
        "enabled=false",
        303,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/delete",
        Who::Administrator,
        "",
        303,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/secret",
        Who::Administrator,
        "",
        200,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/rotate",
        Who::Administrator,
        "",
        200,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/confirm",
        Who::Administrator,
        "",
        303,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/test",
        Who::Administrator,
        "type=project.updated",
        303,
    ),
    page("GET /admin/integrations/webhooks/{ep}/code", Who::Viewer),
    page(
        "GET /admin/integrations/webhooks/{ep}/replay",
        Who::Administrator,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/replay",
        Who::Administrator,
        RANGE,
        303,
    ),
    page(
        "GET /admin/integrations/webhooks/{ep}/replay/{rpl}",
        Who::Viewer,
    ),
    form(
        "POST /admin/integrations/webhooks/{ep}/replay/{rpl}/stop",
        Who::Administrator,
        "",
        303,
    ),
    page("GET /admin/events?organization={org}", Who::Viewer),
    page("GET /admin/events/{evt}", Who::Viewer),
    page("GET /admin/deliveries?organization={org}", Who::Viewer),
    page("GET /admin/deliveries/{dlv}", Who::Viewer),
    form(
        "POST /admin/deliveries/{dlv}/retry",
        Who::Administrator,
        "",
        303,
    ),
    page("GET /admin/deliveries/{dlv}/body", Who::Viewer),
    page(
        "GET /admin/deliveries/{dlv}/attempts/{number}/answer",
        Who::Viewer,
    ),
    page("GET /admin/members?organization={org}", Who::Member),
    form(
        "POST /admin/members/invite?organization={org}",
        Who::MemberAdministrator,
        "role=viewer",
        200,
    ),
    form(
        "POST /admin/members/{acc}/remove?organization={org}",
        Who::MemberAdministrator,
        "",
        303,
    ),
    page("GET /admin/people", Who::Operator),
    form(
        "POST /admin/people/invite",
        Who::Operator,
        "role=viewer&organization={org}",
        200,
    ),
    form("POST /admin/people/{acc}/remove", Who::Operator, "", 303),
    form("POST /admin/people/{acc}/password", Who::Operator, "", 200),
    form("POST /admin/links/{lnk}/revoke", Who::Owner, "", 303),
    page("GET /admin/event-types", Who::Login),
    page("GET /admin/event-types/{type}", Who::Login),
    form(
        "POST /admin/event-types/{type}/switch",
        Who::Operator,
        "enabled=true",
        303,
    ),
    page("GET /admin/signature", Who::Login),
    stays("POST /admin/signature", Who::Login, "", 422),
    page("GET /admin/organizations", Who::Login),
    page("GET /admin/organizations/new", Who::Operator),
    form(
        "POST /admin/organizations/new",
        Who::Operator,
        "id={nothing}&name=New&add_ons=api_access",
        303,
    ),
    page("GET /admin/organizations/{org}/edit", Who::Operator),
    form(
        "POST /admin/organizations/{org}/edit",
        Who::Operator,
        "name=Changed&add_ons=api_access",
        303,
    ),
    form(
        "POST /admin/organizations/{org}/delete",
        Who::Operator,
        "",
        303,
    ),
    page("GET /admin/engine", Who::Operator),
    page("GET /admin/audit?organization={org}", Who::Administrator),
    page("GET /admin/keys", Who::Operator),
    form("POST /admin/keys", Who::Operator, "scope=producer", 200),
    form("POST /admin/keys/{key}/revoke", Who::Operator, "", 303),
    page("GET /admin/account", Who::Account),
    stays(
        "POST /admin/account/password",
        Who::Account,
        "current=wrong",
        422,
    ),
    page("GET /admin/account/second-factor", Who::Account),
    stays(
        "POST /admin/account/second-factor/begin",
        Who::Account,
        "current=wrong",
        422,
    ),
    stays(
        "POST /admin/account/second-factor/confirm",
        Who::Account,
        "code=000000",
        303,
    ),
    stays(
        "POST /admin/account/second-factor/codes",
        Who::Account,
        "current=wrong",
        303,
    ),
    stays(
        "POST /admin/account/second-factor/off",
        Who::Account,
        "current=wrong",
        303,
    ),
    form(
        "POST /admin/account/sessions/{ses}/end",
        Who::Account,
        "",
        303,
    ),
];

/// Ids that are nobody's in particular: there or not.
pub fn is_shared(name: &str) -> bool {
    [
        "file",
        "setup",
        "invitation",
        "password",
        "portal",
        "type",
        "number",
    ]
    .contains(&name)
}

impl Rule {
    /// The ids it takes: the organization first, then those in its path.
    pub fn names(&self) -> Vec<&'static str> {
        let texts = [self.route, self.form];
        let pieces = texts.into_iter().flat_map(|text| text.split('{').skip(1));
        let mut names: Vec<_> = pieces.filter_map(|rest| rest.split('}').next()).collect();
        names.retain(|name| *name != "nothing");
        names.sort_by_key(|name| *name != "org");
        names
    }

    pub fn posts(&self) -> bool {
        self.route.starts_with("POST ")
    }

    /// What this visitor must be answered about things of these owners, in the order of [`Rule::names`].
    pub fn wanted(&self, visitor: Visitor, picks: &[Pick]) -> Wanted {
        let done = Wanted::Done(self.done);
        let (nothing, never) = (Wanted::Refused(404), Wanted::Refused(403));
        let there = || match picks.contains(&Pick::Missing) {
            true => nothing,
            false => done,
        };
        let operator = visitor == Visitor::Operator;
        let looks = matches!(visitor, Visitor::Viewer | Visitor::ForeignViewer);
        match (self.who, visitor) {
            (Who::Open, _) => return there(),
            (Who::Half, Visitor::Half) => return done,
            (Who::Half, _) => return Wanted::Password,
            (_, Visitor::Nobody | Visitor::Half) => return Wanted::Login,
            (Who::Login, _) => return there(),
            (Who::Operator, _) if !operator => return never,
            (Who::Operator, _) => return there(),
            (Who::Account, Visitor::Portal) => return nothing,
            (Who::Member | Who::MemberAdministrator | Who::Owner, Visitor::Portal) => return never,
            (Who::Owner, _) if looks => return nothing,
            // An account's sessions are its own, an operator's too.
            (Who::Account, _) if picks.iter().all(|pick| *pick == Pick::Own) => return done,
            (Who::Account, _) => return nothing,
            _ => {}
        }
        let (Some((_, first)), rest) = (self.names().first().zip(picks.first()), picks) else {
            return done;
        };
        let covered = *first != Pick::Missing && (operator || visitor.of() == Some(*first));
        if !covered {
            return nothing;
        }
        let changes = matches!(self.who, Who::Administrator | Who::MemberAdministrator);
        if looks && changes {
            return never;
        }
        let mut shared = self.names().into_iter().zip(rest);
        let strays = shared.any(|(name, pick)| match is_shared(name) {
            true => *pick == Pick::Missing,
            false => pick != first,
        });
        if strays { nothing } else { done }
    }
}

//! Doing what was planned, one change after the other, and ending at the first that fails.
//!
//! The API has no conditional writes: before each change of something that exists, it is read again and held against
//! what the plan knew. Between that and the change lies one request; what another caller does in it is overwritten,
//! field by field of what changes. A repeat goes on where this ended, since it plans from what is there.

use super::change::{Change, Planned};
use super::document::Given;
use super::load::fetch;
use super::remote;
use super::show::Outcome;
use super::state::{OrganizationState, State};
use crate::cli::client::Client;
use crate::cli::output::Failure;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Where secrets of new endpoints go: the API shows each once.
pub enum Secrets {
    /// Into the outcome.
    Shown,
    /// One JSON line each, on disk before the next change.
    File(File),
}

impl Secrets {
    /// A new file that only its owner reads.
    ///
    /// # Errors
    /// It cannot be made, or there is one already: it may hold secrets that are nowhere else.
    pub fn into_file(path: &Path) -> Result<Self, Failure> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        file.map(Self::File).map_err(|error| {
            Failure::Failed(format!(
                "--secrets-out {}: {error}; nothing was changed",
                path.display()
            ))
        })
    }

    fn keep(&mut self, secret: Value, outcome: &mut Outcome) -> Result<(), Failure> {
        match self {
            Self::Shown => outcome.secrets.push(secret),
            Self::File(file) => {
                let written = writeln!(file, "{secret}").and_then(|()| file.sync_data());
                written.map_err(|error| {
                    let id = secret.get("endpoint_id").and_then(Value::as_str);
                    Failure::Failed(format!(
                        "the secret of {} could not be written ({error}); rotate it",
                        id.unwrap_or_default()
                    ))
                })?;
            }
        }
        Ok(())
    }
}

/// Fetches the secrets that endpoints to be made go on with.
pub fn fetch_secrets(plan: &mut [Planned]) -> Result<(), Failure> {
    for planned in plan {
        if let Change::CreateEndpoint {
            endpoint, place, ..
        } = &mut planned.change
            && let Some(given) = &endpoint.secret
        {
            let text = fetch(given, place, "secret")?;
            endpoint.secret = Some(Given::Text(text));
        }
    }
    Ok(())
}

/// Makes the changes. The outcome says how far it came.
pub async fn perform(
    client: &mut Client,
    mut state: State,
    plan: &[Planned],
    mut secrets: Secrets,
) -> Outcome {
    let mut outcome = Outcome {
        made: 0,
        secrets: Vec::new(),
        problem: None,
    };
    for planned in plan {
        if let Err(failure) = make(client, &state, planned, (&mut secrets, &mut outcome)).await {
            let words = format!(
                "{} of {} changes were made; this one was not: {} {}\n  {failure}\n  What came after it was not tried; run it again to go on.",
                outcome.made,
                plan.len(),
                planned.change.action().sign(),
                planned.change.subject()
            );
            outcome.problem = Some(words);
            break;
        }
        state.after(&planned.change);
        outcome.made += 1;
    }
    outcome
}

async fn make(
    client: &mut Client,
    state: &State,
    planned: &Planned,
    (secrets, outcome): (&mut Secrets, &mut Outcome),
) -> Result<(), Failure> {
    if !unchanged(client, state, &planned.change).await? {
        return Err(Failure::Failed(String::from(
            "it was changed by somebody else since the plan was made",
        )));
    }
    let (method, path, body) = planned.change.request();
    let body = body.as_deref().map(str::as_bytes);
    let answer = client.call(method, &path, body).await?.ok()?;
    if let Change::CreateEndpoint {
        organization,
        endpoint,
        ..
    } = &planned.change
        && endpoint.secret.is_none()
    {
        let made = json!({
            "organization_id": organization,
            "endpoint_id": answer.get("id"),
            "url": endpoint.url,
            "secret": answer.get("secret"),
        });
        secrets.keep(made, outcome)?;
    }
    Ok(())
}

/// Whether the thing is as the plan knew it.
async fn unchanged(client: &mut Client, state: &State, change: &Change) -> Result<bool, Failure> {
    Ok(match change {
        Change::PutType { name, .. } => {
            remote::event_type(client, name).await?.as_ref() == state.types.get(name)
        }
        Change::PutOrganization { id, .. }
        | Change::SetWebhooks {
            organization: id, ..
        } => remote::organization(client, *id).await? == alone(state, *id),
        // Nothing is there that could be overwritten.
        Change::CreateEndpoint { .. } => true,
        Change::PatchEndpoint {
            organization, id, ..
        }
        | Change::DeleteEndpoint {
            organization, id, ..
        } => {
            let known = state.endpoint(*organization, id);
            remote::endpoint(client, *organization, id).await? == known.map(|known| known.shown())
        }
        Change::DeleteOrganization { id, .. } => {
            let known = state.organizations.get(id);
            let endpoints = known.iter().flat_map(|known| &known.endpoints);
            let endpoints: Vec<_> = endpoints.map(|known| known.shown()).collect();
            remote::organization(client, *id).await? == alone(state, *id)
                && remote::endpoints(client, *id).await? == endpoints
        }
    })
}

/// An organization as it is known, without its endpoints.
fn alone(state: &State, id: i64) -> Option<OrganizationState> {
    let known = state.organizations.get(&id)?;
    Some(OrganizationState {
        name: known.name.clone(),
        slug: known.slug.clone(),
        kept: known.kept,
        add_ons: known.add_ons.clone(),
        webhooks: known.webhooks,
        endpoints: Vec::new(),
    })
}

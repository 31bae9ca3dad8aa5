//! Signing secrets: shown to administrators on the audit log, rotated with an overlap, confirmed (W21).

use super::super::code::Code;
use super::super::fields::{Fields, Value, known};
use super::super::problem::Problem;
use super::super::reply::Reply;
use super::super::route::Call;
use super::done;
use super::endpoints::no_endpoint;
use super::show::time;
use crate::clock::random_bytes;
use crate::store::directory::{Rotated, Rotation};
use serde::Serialize;
use tidings_core::limits::{ROTATION_OVERLAP_DEFAULT, ROTATION_OVERLAP_MAX};
use tidings_core::secret::{Overlap, Secret};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A new secret (W4).
pub(super) fn fresh() -> Result<Secret, Problem> {
    let random = random_bytes::<32>().map_err(|error| Problem::internal(&error))?;
    Ok(Secret::generated(&Zeroizing::new(random)))
}

/// A secret as its customer sees it.
pub(super) fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

/// The secrets in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secrets)]
pub(in crate::http) struct SecretsShown {
    /// The newest; first in `webhook-signature`.
    secret: String,
    /// The older one, which signs `vomo-signature` until the switch is confirmed or the overlap ends.
    #[schema(required = true)]
    older_secret: Option<String>,
    /// When the overlap ends.
    #[schema(required = true)]
    overlap_until: Option<String>,
}

/// The secrets in force; who asked is on the audit log.
#[utoipa::path(get, path = "/v1/organizations/{org}/endpoints/{ep}/secret", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The secrets", body = SecretsShown), (status = 409, description = "does_not_open")))]
pub(in crate::http) async fn get_secret(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id = call.endpoint()?;
    let store = &call.api.store;
    let revealed = store.reveal_secret(organization, id, call.actor()).await?;
    let secrets = done(revealed, || no_endpoint(&call))?;
    let older = secrets.older(call.api.clock.now());
    Reply::ok(&SecretsShown {
        secret: text(secrets.newest()),
        older_secret: older.map(|older| text(&older.secret)),
        overlap_until: older.map(|older| time(older.until)),
    })
}

/// A rotation.
#[derive(Debug, ToSchema)]
#[schema(as = RotationInput)]
pub(in crate::http) struct RotationInput {
    /// How long the old secret stays in force: 0 to 604800, default 86400. 0 drops all older ones at once.
    #[schema(minimum = 0, maximum = 604_800, default = 86_400)]
    overlap_seconds: Option<u64>,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RotatedSecret)]
pub(in crate::http) struct RotatedShown {
    /// The new secret; in this answer only.
    secret: String,
    /// When the old one ends.
    #[schema(required = true)]
    overlap_until: Option<String>,
}

fn read(body: &[u8]) -> Result<RotationInput, Problem> {
    let mut fields = Fields::of(body, known(&["overlap_seconds"]))?;
    let most = i64::try_from(ROTATION_OVERLAP_MAX).unwrap_or(i64::MAX);
    let seconds = fields.optional("overlap_seconds", |value: Value<'_>| {
        value.integer(0..=most)
    });
    fields.finish(Some(RotationInput {
        overlap_seconds: seconds.map(i64::unsigned_abs),
    }))
}

/// Rotate the secret. The new one signs `webhook-signature` at once; `vomo-signature` follows at confirmation.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints/{ep}/secret/rotate", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    request_body = Option<RotationInput>,
    responses((status = 200, description = "The new secret", body = RotatedShown), (status = 409, description = "overlap_running, does_not_open")))]
pub(in crate::http) async fn rotate_secret(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id = call.endpoint()?;
    let input = read(&call.json_or_nothing()?)?;
    let seconds = input.overlap_seconds.unwrap_or(ROTATION_OVERLAP_DEFAULT);
    let overlap = Overlap::from_seconds(seconds)
        .ok_or_else(|| Problem::internal(&"an overlap in range was refused"))?;
    let fresh = fresh()?;
    let secret = text(&fresh);
    let rotation = Rotation { fresh, overlap };
    let store = &call.api.store;
    match store
        .rotate_secret(organization, id, rotation, call.actor())
        .await?
    {
        Rotated::Done { overlap_until, .. } => Reply::ok(&RotatedShown {
            secret,
            overlap_until: overlap_until.map(time),
        }),
        Rotated::NotFound => Err(no_endpoint(&call)),
        Rotated::OverlapRunning { until } => Err(Problem::new(
            Code::OverlapRunning,
            format!(
                "Two secrets are in force until {until}: confirm the switch, wait, or rotate with \
                 overlap_seconds 0 to drop the older ones at once."
            ),
        )),
    }
}

/// Confirm that the receiver knows the new secret: the old one ends now.
#[utoipa::path(post, path = "/v1/organizations/{org}/endpoints/{ep}/secret/confirm", tag = "endpoints", security(("key" = ["administrator"])),
    params(("org" = i64, Path, description = "The organization's number"), ("ep" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "One secret is in force"), (status = 409, description = "does_not_open")))]
pub(in crate::http) async fn confirm_secret(call: Call) -> Result<Reply, Problem> {
    let organization = call.administered()?;
    call.no_query()?;
    let id = call.endpoint()?;
    Fields::of(&call.json_or_nothing()?, known(&[]))?.finish(Some(()))?;
    let store = &call.api.store;
    let changed = store.confirm_secret(organization, id, call.actor()).await?;
    done(changed, || no_endpoint(&call))?;
    Ok(Reply::done())
}

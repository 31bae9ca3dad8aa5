//! Tells an OpenTelemetry collector, where one is named: spans as they come, metrics once a minute.

use super::AppError;
use super::parts::extra_ca;
use crate::clock::Clock;
use crate::config::{OtlpSettings, Settings};
use crate::engine::sender::SenderError;
use crate::http::Api;
use crate::metrics::otlp::Document;
use crate::otlp::Collector;
use crate::outgoing;
use crate::traces::export;
use crate::traces::{self, Rules};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;

/// Between two reports of the metrics.
const MINUTE: Duration = Duration::from_secs(60);

/// Switches traces on; they are sent until the runtime ends. Gives the collector, if there is one.
///
/// # Errors
/// TLS cannot be set up.
pub fn start(
    settings: &Settings,
    clock: &Clock,
    extra_ca: &[CertificateDer<'static>],
) -> Result<Option<Arc<Collector>>, SenderError> {
    let Some(otlp) = &settings.otlp else {
        return Ok(None);
    };
    let rules = Rules {
        percent: otlp.percent,
        to_receivers: otlp.to_receivers,
    };
    let collector = Arc::new(collector(settings, otlp, extra_ca)?);
    if let Some(spans) = traces::start(rules) {
        tokio::spawn(export::run(Arc::clone(&collector), spans, clock.clone()));
    }
    Ok(Some(collector))
}

/// Asks the collector that the settings name to take nothing, and answers what is wrong if it does not; nothing without one.
///
/// # Errors
/// TLS cannot be set up, or an authority's file cannot be read.
pub async fn reach(settings: &Settings) -> Result<Option<Result<(), String>>, AppError> {
    let Some(otlp) = &settings.otlp else {
        return Ok(None);
    };
    let collector = collector(settings, otlp, &extra_ca(settings)?)?;
    let nothing = String::from(r#"{"resourceMetrics":[]}"#);
    Ok(Some(collector.post("/v1/metrics", nothing).await))
}

/// Tells a collector the metrics, once at the start and then once a minute, until the runtime ends.
pub fn report(collector: Option<Arc<Collector>>, api: &Api, clock: Clock) {
    if let Some(collector) = collector {
        tokio::spawn(tell(collector, api.clone(), clock));
    }
}

async fn tell(collector: Arc<Collector>, api: Api, clock: Clock) {
    let started = clock.now().as_micros();
    loop {
        let mut document = Document::new(started, clock.now().as_micros());
        api.metrics(&mut document).await;
        let document = document.finish(&collector);
        if let Err(problem) = collector.post("/v1/metrics", document).await {
            tracing::warn!(problem, "the collector did not take the metrics");
        }
        tokio::time::sleep(MINUTE).await;
    }
}

fn collector(
    settings: &Settings,
    otlp: &OtlpSettings,
    extra_ca: &[CertificateDer<'static>],
) -> Result<Collector, SenderError> {
    let roots = outgoing::authorities(extra_ca).map_err(SenderError::ExtraCa)?;
    Ok(Collector {
        url: otlp.url.clone(),
        headers: otlp.headers.clone(),
        version: env!("CARGO_PKG_VERSION"),
        instance: settings.node.clone(),
        tls: Arc::new(outgoing::tls(roots).map_err(SenderError::Tls)?),
    })
}

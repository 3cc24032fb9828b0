//! The proxies that a Prometheus knows: what shows Envoy's own metrics or the filter's, by its `instance`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::api::{Api, Series};
use crate::terms::{Proxy, SourceError};

/// What the filter says of itself, also that of instances which went lately.
const BUILDS: &str = "max by (instance, filter_release, kafka_release) (last_over_time(kafka_filter_build_info[15m]))";
/// Every Envoy has it.
const ENVOYS: &str = "max by (instance) (last_over_time(envoy_server_uptime[15m]))";
const UP: &str = "max by (instance) (up)";
const SAMPLES: &str = "max by (instance) (scrape_samples_scraped)";
/// When an instance was scraped with success last, in seconds.
const NEWEST: &str =
    "max by (instance) (timestamp(kafka_filter_build_info) or timestamp(envoy_server_uptime))";

/// By name.
///
/// # Errors
/// Prometheus does not answer.
pub(super) async fn proxies(api: &Api, at_ms: i64) -> Result<Vec<Proxy>, SourceError> {
    let ask = |query: &'static str| api.instant(query, at_ms);
    let (builds, envoys, up, samples, newest) =
        futures_util::try_join!(ask(BUILDS), ask(ENVOYS), ask(UP), ask(SAMPLES), ask(NEWEST))?;
    let mut known: BTreeMap<String, Proxy> = BTreeMap::new();
    for series in &envoys {
        named(&mut known, series).is_envoy = true;
    }
    for series in &builds {
        let proxy = named(&mut known, series);
        proxy.has_filter = true;
        proxy.is_envoy = true;
        proxy.filter_release = Some(series.label("filter_release").to_string());
        proxy.kafka_release = Some(series.label("kafka_release").to_string());
    }
    for series in &up {
        if let Some(proxy) = known.get_mut(&*series.label("instance")) {
            proxy.up = number(series) > 0.0;
            proxy.error = (!proxy.up).then(|| "is not scraped by Prometheus".to_owned());
        }
    }
    for series in &samples {
        if let Some(proxy) = known.get_mut(&*series.label("instance")) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number, and far below 2^53"
            )]
            let samples = number(series).max(0.0) as u64;
            proxy.series = samples;
        }
    }
    for series in &newest {
        if let Some(proxy) = known.get_mut(&*series.label("instance")) {
            let now = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0));
            let then = Duration::try_from_secs_f64(number(series)).unwrap_or_default();
            proxy.age = Some(now.saturating_sub(then));
        }
    }
    Ok(known.into_values().collect())
}

fn named<'a>(known: &'a mut BTreeMap<String, Proxy>, series: &Series) -> &'a mut Proxy {
    let name = series.label("instance").to_string();
    known.entry(name.clone()).or_insert_with(|| Proxy {
        name,
        up: false,
        age: None,
        filter_release: None,
        kafka_release: None,
        series: 0,
        has_filter: false,
        is_envoy: false,
        error: Some("is not scraped by Prometheus any more".to_owned()),
    })
}

fn number(series: &Series) -> f64 {
    series.points(0, 0, 1).first().copied().flatten().unwrap_or(0.0)
}

//! ZAP's traditional JSON report, as the baseline scan writes it with `-J`.

use opstella_domain::evidence::Severity;
use serde::Deserialize;

use crate::ReportError;
use crate::json::{self, Each, Fold, Number, Text};
use crate::parsed::Body;
use crate::tally::{self, Tally};

const FORMAT: &str = "ZAP's traditional JSON";

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow, rename = "@version")]
    version: Option<Text<'a>>,
    /// Newer versions only; `@generated` has no time zone.
    #[serde(borrow)]
    created: Option<Text<'a>>,
    #[serde(borrow, default)]
    site: Each<Site<'a>>,
}

#[derive(Deserialize)]
struct Site<'a> {
    #[serde(borrow, default)]
    alerts: Each<Alert<'a>>,
}

#[derive(Default)]
struct Sites {
    number: u32,
    tally: Tally,
}

impl Fold for Site<'_> {
    type Into = Sites;
    fn fold(self, into: &mut Sites) {
        into.number = into.number.saturating_add(1);
        into.tally.absorb(self.alerts.0, "");
    }
}

/// One kind of problem, however many pages have it.
#[derive(Deserialize)]
struct Alert<'a> {
    #[serde(borrow, rename = "alertRef")]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    pluginid: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    riskcode: Option<Number>,
    confidence: Option<Number>,
    #[serde(borrow, default)]
    instances: Each<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
}

impl<'a> Fold for Instance<'a> {
    type Into = Option<Text<'a>>;
    fn fold(self, first: &mut Option<Text<'a>>) {
        if first.is_none() {
            *first = self.uri;
        }
    }
}

impl Fold for Alert<'_> {
    type Into = Tally;
    fn fold(self, tally: &mut Tally) {
        // Someone marked it as a false positive.
        if self.confidence == Some(Number(0.0)) {
            return;
        }
        let severity = match self.riskcode {
            Some(Number(3.0)) => Severity::High,
            Some(Number(2.0)) => Severity::Medium,
            Some(Number(1.0)) => Severity::Low,
            Some(Number(0.0)) => Severity::Info,
            _ => Severity::Unknown,
        };
        let reference = self.reference.or(self.pluginid);
        let (reference, name) = (Text::or_empty(&reference), Text::or_empty(&self.name));
        let id = format!("{reference} {name}");
        let uri = self.instances.0.as_ref().map(|uri| without_secrets(uri.as_str()));
        tally.add(severity, &id, uri.as_deref());
    }
}

/// A URI without what may hold a session or a password.
fn without_secrets(uri: &str) -> String {
    let end = uri.find(['?', '#', ';']).unwrap_or(uri.len());
    let uri = uri.get(..end).unwrap_or_default();
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Reads a report.
pub(crate) fn read(text: &[u8]) -> Result<Body, ReportError> {
    let report: Report<'_> = json::read(text, FORMAT)?;
    let Sites { number, tally } = report.site.0;
    if number == 0 {
        let what = "the report names no site: ZAP reached none";
        return Err(ReportError::Empty { what });
    }
    Ok(Body {
        tool: tally::tool(Some("zap"), Some(Text::or_empty(&report.version)), "zap"),
        produced_at: json::instant(&report.created),
        // High is the worst that ZAP knows.
        failed: tally.counts().high > 0,
        tally,
        ..Body::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_named_without_its_secrets() {
        for (uri, named) in [
            ("https://u:p@h.example/a/b?token=1#x", "https://h.example/a/b"),
            ("https://h.example", "https://h.example"),
            ("https://h.example/@a;jsessionid=1", "https://h.example/@a"),
            ("/relative?x", "/relative"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(uri), named);
        }
    }
}

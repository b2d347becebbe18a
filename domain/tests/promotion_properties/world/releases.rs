//! Releases, waivers, and reports on images.

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::evidence::{
    ArtifactCommand, ArtifactKey, Evidence, Finding, Origin, ReportKind, TestCounts, Verdict,
};
use opstella_domain::release::{ReleaseCommand, ReleaseKey, Waiver, WaiverId};
use opstella_domain::{DomainError, Environment};
use proptest::sample::Index;
use uuid::Uuid;

use super::{World, person};
use crate::acts::{COMPONENTS, FINDINGS, GATES, Report, SUITES};
use crate::ledger::Images;
use crate::support::key;
use crate::support::promotion::{digest, evidence, gate_name, image, name, version, who};

pub(super) fn release_key(release: usize) -> ReleaseKey {
    ReleaseKey {
        service: key(),
        version: version(&format!("{release}")),
    }
}

pub(super) fn contents(component: usize, contents: usize) -> String {
    format!("{component}-{contents}")
}

/// How others know somebody.
pub(super) fn known_as(person: usize) -> String {
    format!("Name-{person}")
}

impl World {
    pub(super) fn register(
        &mut self,
        release: usize,
        by: usize,
        with: Option<usize>,
        of: u8,
        contains: [usize; COMPONENTS.len()],
    ) -> Result<(), DomainError> {
        let of = (0..COMPONENTS.len()).filter(|c| of >> c & 1 == 1);
        let images = of.map(|c| image(COMPONENTS[c], &contents(c, contains[c])));
        let components = self.service.state.components.iter();
        let command = ReleaseCommand::Register {
            key: release_key(release),
            images: images.collect(),
            author: person(by),
            co_authors: with
                .map(|by| who(&known_as(by).to_lowercase()))
                .into_iter()
                .collect(),
            components: components.map(|component| component.name.clone()).collect(),
            incarnation: None,
            at: self.now,
        };
        self.release(release, command)
    }

    pub(super) fn seal(&mut self, release: usize) -> Result<(), DomainError> {
        let key = release_key(release);
        self.release(release, ReleaseCommand::Seal { key })
    }

    pub(super) fn waive(
        &mut self,
        release: usize,
        gate: usize,
        finding: Option<usize>,
        hours: i64,
        by: usize,
    ) -> Result<(), DomainError> {
        let waiver = Waiver {
            id: WaiverId(Uuid::from_u128(self.next())),
            gate: gate_name(GATES[gate]),
            finding: finding.map(|f| FINDINGS[f].to_owned()),
            reason: "it has to go on".into(),
            by: person(by),
            expires_at: self.now + TimeDelta::hours(hours),
            modules: [].into(),
        };
        let command = ReleaseCommand::GrantWaiver {
            key: release_key(release),
            waiver,
            at: self.now,
        };
        self.release(release, command)
    }

    pub(super) fn revoke_waiver(&mut self, release: usize, which: Index) -> Result<(), DomainError> {
        let waivers = &self.releases[release].state.waivers;
        if waivers.is_empty() {
            return Ok(());
        }
        let waiver = waivers[which.index(waivers.len())].id;
        let command = ReleaseCommand::RevokeWaiver {
            key: release_key(release),
            waiver,
            reason: "mended".into(),
        };
        self.release(release, command)
    }

    fn release(&mut self, release: usize, command: ReleaseCommand) -> Result<(), DomainError> {
        let stream = &mut self.releases[release];
        let before = stream.state.clone();
        stream.take(&mut self.tally, command)?;
        if before.sealed {
            let now = &stream.state;
            assert!(now.sealed);
            assert_eq!(now.digests(), before.digests(), "a sealed release changes");
            assert_eq!(now.authors, before.authors);
        }
        Ok(())
    }

    pub(super) fn report(&mut self, component: usize, with: usize, what: &Report) -> Result<(), DomainError> {
        let mut report = evidence(what.kind);
        for (finding, severity) in &what.found {
            report.counts.add(*severity);
            report.findings.push(Finding {
                id: FINDINGS[*finding].into(),
                severity: *severity,
                location: None,
                times: 1,
            });
        }
        report.verdict = match what.passed {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        let several = matches!(what.kind, ReportKind::Tests | ReportKind::StaticAnalysis);
        report.series = what.suite.filter(|_| several).map(|suite| SUITES[suite].into());
        if what.fetched {
            report.origin = Origin::Fetched;
        }
        let failed = u32::try_from(what.found.len()).unwrap();
        report.tests = report.tests.map(|tests| TestCounts { failed, ..tests });
        report.report = digest(&format!("report {}", self.next()));
        report.environment = report.environment.map(|_| what.of);
        report.recorded_at = self.now;
        let made = self.now - TimeDelta::minutes(what.age);
        report.produced_at = Some(made);
        let key = ArtifactKey {
            service: key(),
            component: name(COMPONENTS[component]),
            digest: digest(&contents(component, with)),
        };
        if what.kind == ReportKind::DynamicScan {
            report.ran = self.ran_in(what.of, made);
        }
        self.sent.push((key.clone(), report.clone()));
        let image = (key.component.clone(), key.digest.clone());
        self.send(key, report.clone())?;
        self.reports.entry(image).or_default().push(report);
        Ok(())
    }

    pub(super) fn report_again(&mut self, which: Index) -> Result<(), DomainError> {
        if self.sent.is_empty() {
            return Ok(());
        }
        let (key, mut again) = self.sent[which.index(self.sent.len())].clone();
        again.recorded_at = self.now;
        let image = (key.component.clone(), key.digest.clone());
        self.send(key, again.clone())?;
        self.reports.entry(image).or_default().push(again);
        Ok(())
    }

    /// What ran in an environment at an instant.
    fn ran_in(&self, environment: Environment, at: DateTime<Utc>) -> Images {
        let came = &self.places[&environment].ledger.came;
        let there = came.iter().rfind(|came| came.at <= at);
        there.map(|came| came.images.clone()).unwrap_or_default()
    }

    fn send(&mut self, key: ArtifactKey, evidence: Evidence) -> Result<(), DomainError> {
        let stream = self.artifacts.entry(key.clone()).or_default();
        let evidence = Box::new(evidence);
        let command = ArtifactCommand::AddEvidence { key, evidence };
        let events = stream.take(&mut self.tally, command)?;
        assert!(events.len() <= 1);
        Ok(())
    }
}

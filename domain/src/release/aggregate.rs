//! The release aggregate.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Digest, ReleaseCommand, ReleaseEvent, ReleaseImage, ReleaseKey, Waiver};
use crate::decide::aggregate;
use crate::{ComponentName, Decide, DomainError, RunId, Subject};

/// Longest link to a pipeline, in bytes.
const LONGEST_LINK: usize = 2048;
/// How far the clock of whoever committed may be ahead of ours, in minutes.
const CLOCK_AHEAD_MINUTES: i64 = 5;
/// Most authors of the images of one pipeline, beside the first.
const MAX_CO_AUTHORS: usize = 100;
/// Most waivers of a release that are granted and not revoked.
const MAX_WAIVERS: usize = 500;

/// The aggregate; its stream's id is the key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Release {
    /// Its images.
    pub images: BTreeMap<ComponentName, ReleaseImage>,
    /// Who wrote what is in it.
    pub authors: BTreeSet<Subject>,
    /// Whether it never changes any more.
    pub sealed: bool,
    /// Waivers that were granted and not revoked.
    pub waivers: Vec<Waiver>,
    /// Of which of the services that had the name one after the other: by the run that made it.
    #[serde(default)]
    pub incarnation: Option<RunId>,
}

impl Release {
    /// Whether it was registered.
    pub fn exists(&self) -> bool {
        !self.images.is_empty()
    }

    /// Whether it was registered for the service that has the name now, and not for one before it that is gone. Of which
    /// a release is that was registered before that was recorded, nobody can tell: it counts.
    pub fn is_of(&self, incarnation: Option<RunId>) -> bool {
        match (self.incarnation, incarnation) {
            (Some(mine), Some(now)) => mine == now,
            _ => true,
        }
    }

    /// The images by component.
    pub fn digests(&self) -> BTreeMap<ComponentName, Digest> {
        let pair = |image: &ReleaseImage| (image.component.clone(), image.digest.clone());
        self.images.values().map(pair).collect()
    }

    fn known(&self, key: &ReleaseKey) -> Result<(), DomainError> {
        if self.exists() {
            return Ok(());
        }
        Err(DomainError::NotFound {
            kind: "release",
            id: key.to_string(),
        })
    }

    fn grant(&self, waiver: Waiver, at: DateTime<Utc>) -> Result<Vec<ReleaseEvent>, DomainError> {
        match self.waivers.iter().find(|w| w.id == waiver.id) {
            Some(same) if same == &waiver => return Ok(vec![]),
            Some(_) => {
                return Err(DomainError::AlreadyExists {
                    kind: "waiver",
                    id: waiver.id.to_string(),
                });
            }
            None => {}
        }
        waiver.check(at)?;
        if self.waivers.len() >= MAX_WAIVERS {
            let rule = format!("at most {MAX_WAIVERS} of a release; revoke those that expired");
            return Err(DomainError::invalid("waiver", rule));
        }
        Ok(vec![ReleaseEvent::WaiverGranted { waiver }])
    }

    fn register(
        &self,
        key: ReleaseKey,
        images: Vec<ReleaseImage>,
        (author, co_authors): (Subject, BTreeSet<Subject>),
        components: &[ComponentName],
        incarnation: Option<RunId>,
        at: DateTime<Utc>,
    ) -> Result<Vec<ReleaseEvent>, DomainError> {
        if !self.is_of(incarnation) {
            let authors = (author, co_authors);
            return Self::default().register(key, images, authors, components, incarnation, at);
        }
        check(&images, components, at)?;
        if co_authors.len() > MAX_CO_AUTHORS {
            let rule = format!("at most {MAX_CO_AUTHORS}");
            return Err(DomainError::invalid("authors", rule));
        }
        let new: Vec<ReleaseImage> = images
            .into_iter()
            .filter(|image| self.images.get(&image.component) != Some(image))
            .collect();
        let taken = |image: &&ReleaseImage| self.images.contains_key(&image.component);
        if let Some(image) = new.iter().find(taken) {
            return Err(DomainError::AlreadyExists {
                kind: "image of the release",
                id: format!("{key}/{}", image.component),
            });
        }
        // Who wrote what is in it does not approve it: an author is never dropped because the images are known already.
        let all = co_authors.iter().chain([&author]);
        let unnamed: BTreeSet<&str> = all
            .filter(|by| !self.authors.contains(*by))
            .map(Subject::as_str)
            .collect();
        if new.is_empty() && unnamed.is_empty() {
            return Ok(vec![]);
        }
        if self.sealed {
            let state = match new.is_empty() {
                true => {
                    let names: Vec<&str> = unnamed.into_iter().collect();
                    format!("sealed, and not with {} among its authors", names.join(", "))
                }
                false => "sealed".to_owned(),
            };
            return Err(DomainError::WrongState {
                kind: "release",
                id: key.to_string(),
                state,
                command: "RegisterRelease",
                accepts: vec!["GrantWaiver", "RevokeWaiver", "AddEvidence"],
            });
        }
        let has = |name: &ComponentName| {
            self.images.contains_key(name) || new.iter().any(|image| &image.component == name)
        };
        let complete = components.iter().all(has);
        let first = if self.exists() {
            ReleaseEvent::ReleaseImagesAdded {
                images: new,
                author,
                co_authors,
            }
        } else {
            ReleaseEvent::ReleaseRegistered {
                key: key.clone(),
                images: new,
                author,
                co_authors,
                incarnation,
            }
        };
        let sealed = complete.then_some(ReleaseEvent::ReleaseSealed { key });
        Ok(std::iter::once(first).chain(sealed).collect())
    }
}

fn check(
    images: &[ReleaseImage],
    components: &[ComponentName],
    at: DateTime<Utc>,
) -> Result<(), DomainError> {
    if images.is_empty() || images.len() > components.len() {
        let rule = format!("1 to {} images, one for each component", components.len());
        return Err(DomainError::invalid("components", rule));
    }
    for (index, image) in images.iter().enumerate() {
        let field = |name: &str| format!("components[{index}].{name}");
        if !components.contains(&image.component) {
            let has: Vec<&str> = components.iter().map(ComponentName::as_str).collect();
            let rule = format!("the service has no such component; it has {}", has.join(", "));
            return Err(DomainError::invalid(field("name"), rule));
        }
        if images
            .iter()
            .take(index)
            .any(|other| other.component == image.component)
        {
            return Err(DomainError::invalid(field("name"), "each component once"));
        }
        let fits = |link: &String| {
            link.len() <= LONGEST_LINK && (link.starts_with("https://") || link.starts_with("http://"))
        };
        if image.pipeline.as_ref().is_some_and(|link| !fits(link)) {
            let rule = format!("an http or https URL of at most {LONGEST_LINK} bytes");
            return Err(DomainError::invalid(field("pipeline"), rule));
        }
        let latest = at + TimeDelta::minutes(CLOCK_AHEAD_MINUTES);
        if image.committed_at.is_some_and(|committed| committed > latest) {
            let rule = "when it was committed: not in the future";
            return Err(DomainError::invalid(field("committed_at"), rule));
        }
    }
    Ok(())
}

impl Decide for Release {
    const TYPE: &'static str = "Release";
    type Command = ReleaseCommand;
    type Event = ReleaseEvent;

    fn decide(&self, command: ReleaseCommand) -> Result<Vec<ReleaseEvent>, DomainError> {
        match command {
            ReleaseCommand::Register {
                key,
                images,
                author,
                co_authors,
                components,
                incarnation,
                at,
            } => self.register(key, images, (author, co_authors), &components, incarnation, at),
            ReleaseCommand::Seal { key } => {
                self.known(&key)?;
                Ok(match self.sealed {
                    true => vec![],
                    false => vec![ReleaseEvent::ReleaseSealed { key }],
                })
            }
            ReleaseCommand::GrantWaiver { key, waiver, at } => {
                self.known(&key)?;
                self.grant(waiver, at)
            }
            ReleaseCommand::RevokeWaiver { key, waiver, reason } => {
                self.known(&key)?;
                crate::reason::check("reason", &reason)?;
                if !self.waivers.iter().any(|w| w.id == waiver) {
                    return Err(DomainError::NotFound {
                        kind: "waiver",
                        id: waiver.to_string(),
                    });
                }
                Ok(vec![ReleaseEvent::WaiverRevoked { waiver, reason }])
            }
        }
    }

    fn evolve(&mut self, event: ReleaseEvent) {
        if let ReleaseEvent::ReleaseRegistered { incarnation, .. } = &event {
            *self = Self {
                incarnation: *incarnation,
                ..Self::default()
            };
        }
        match event {
            ReleaseEvent::ReleaseRegistered {
                images,
                author,
                co_authors,
                ..
            }
            | ReleaseEvent::ReleaseImagesAdded {
                images,
                author,
                co_authors,
            } => {
                let pairs = images.into_iter().map(|image| (image.component.clone(), image));
                self.images.extend(pairs);
                self.authors.insert(author);
                self.authors.extend(co_authors);
            }
            ReleaseEvent::ReleaseSealed { .. } => self.sealed = true,
            ReleaseEvent::WaiverGranted { waiver } => self.waivers.push(waiver),
            ReleaseEvent::WaiverRevoked { waiver, .. } => self.waivers.retain(|w| w.id != waiver),
        }
    }
}

aggregate!(Release, ReleaseEvent);

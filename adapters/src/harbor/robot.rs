//! The robot account by which CI pushes and the cluster pulls.

use opstella_domain::naming::{RegistryProject, SecretPath};
use opstella_domain::resource::{Provenance, StepOutcome};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{api, change, delete};
use super::ownership::{Ownership, adopted, given_back};
use super::rights::{Permission, just_push_and_pull, push_and_pull};
use super::{Harbor, foreign, robot_secret};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "robot account";
/// Its name; Harbor puts a prefix, the project and `+` before it.
const NAME: &str = "opstella";
const PAGE: &str = "robot-account";
/// It expires never: nobody would renew it.
const NEVER: i64 = -1;

/// A robot account as Harbor tells of it, and as it wants it back.
#[derive(Serialize, Deserialize)]
struct Robot {
    id: i64,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    duration: i64,
    #[serde(default)]
    disable: bool,
    #[serde(default)]
    permissions: Vec<Permission>,
}

/// What Harbor tells once.
#[derive(Deserialize)]
struct Created {
    name: String,
    secret: SecretString,
}

#[derive(Deserialize)]
struct Refreshed {
    secret: SecretString,
}

impl Robot {
    fn path(&self) -> String {
        api(&format!("/robots/{}", self.id))
    }

    fn fits(&self) -> bool {
        !self.disable && self.duration == NEVER && just_push_and_pull(&self.permissions)
    }
}

impl Harbor {
    /// The robot account with its mark, and its secret in Vault. Harbor tells a secret once: where none is kept, the
    /// robot gets a new one, an adopted robot too; who used its old one has to be given the new one.
    pub(super) async fn ensure_robot(
        &self,
        name: &RegistryProject,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let project = self.container(name, context).await?;
        let mut there = self.robot(project.id).await?;
        if there.is_none() {
            if let Some(robot) = self.make_robot(name, secret, context).await? {
                return Ok(self.outcome(KIND, &robot, &project, PAGE, Provenance::Created));
            }
            there = self.robot(project.id).await?;
        }
        let there = there.ok_or_else(|| StepError::Transient {
            message: format!(
                "Harbor: the robot account `{NAME}` of the project `{name}` was there and is not to be found"
            ),
            retry_after: None,
        })?;
        let ownership = Ownership::of(&there.description, context);
        if let Ownership::Foreign(another) = ownership
            && !context.adopt
        {
            return Err(foreign(KIND, &there.name, another));
        }
        let robot = self.settle(name, there, ownership, context).await?;
        // Refused where the secret is somebody else's, also if it is good for an adopted robot.
        let version = context.secrets.version(secret, &context.owner).await?;
        if !robot_secret::is_kept(secret, &robot.name, context).await? {
            let call = self.http.patch(robot.path()).json(&json!({ "secret": "" }));
            let new: Refreshed = call.send().await?.success()?.json()?;
            robot_secret::keep(secret, &robot.name, new.secret, context, version).await?;
        }
        Ok(self.outcome(KIND, &robot.name, &project, PAGE, ownership.provenance(context)))
    }

    /// A new robot, its secret kept. Its full name; none if there is one already.
    async fn make_robot(
        &self,
        name: &RegistryProject,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<Option<String>, StepError> {
        // The stale secret goes before the new robot comes, so that it can never pass for the new one's.
        context.secrets.delete(secret, &context.owner).await?;
        let version = context.secrets.version(secret, &context.owner).await?;
        let body = json!({
            "name": NAME, "level": "project", "duration": NEVER, "disable": false,
            "description": Mark::service(&context.owner).line(),
            "permissions": push_and_pull(name.as_str()),
        });
        let answer = self.http.post(api("/robots")).json(&body).send().await?;
        if answer.is(http::StatusCode::CONFLICT) {
            return Ok(None);
        }
        let made: Created = answer.success()?.json()?;
        robot_secret::keep(secret, &made.name, made.secret, context, version).await?;
        Ok(Some(made.name))
    }

    /// Brings what is ours up to date, marks what is to be adopted; an adopted robot keeps its rights.
    async fn settle(
        &self,
        name: &RegistryProject,
        mut robot: Robot,
        ownership: Ownership,
        context: &StepContext,
    ) -> Result<Robot, StepError> {
        match ownership {
            Ownership::Ours(_) if robot.fits() => return Ok(robot),
            Ownership::Adopted { .. } => return Ok(robot),
            Ownership::Ours(_) => {
                robot.disable = false;
                robot.duration = NEVER;
                robot.permissions = push_and_pull(name.as_str());
            }
            Ownership::Foreign(_) => robot.description = adopted(&robot.description, &context.owner),
        }
        change(self.http.put(robot.path()).json(&robot)).await?;
        Ok(robot)
    }

    pub(super) async fn remove_robot(
        &self,
        name: &RegistryProject,
        secret: &SecretPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let robot = match self.project(name).await? {
            Some(project) => self.robot(project.id).await?,
            None => None,
        };
        let goes = |robot: &Robot| Ownership::of(&robot.description, context).allows(context);
        let stays = robot.as_ref().is_some_and(|robot| !goes(robot));
        if let Some(robot) = &robot
            && let Some(description) = given_back(&robot.description, context)
        {
            let body = json!({ "id": robot.id, "name": robot.name, "description": description, "level": robot.level,
                               "duration": robot.duration, "disable": robot.disable,
                               "permissions": robot.permissions });
            change(self.http.put(robot.path()).json(&body)).await?;
        }
        let mut deleted = false;
        if let Some(robot) = robot.filter(goes) {
            deleted = delete(self.http.delete(robot.path())).await?;
        }
        // The secret says itself whose it is, after the robot is gone as well, and where a run renewed the secret of
        // a robot that it did not make.
        let forgotten = robot_secret::forget(secret, context).await?;
        Ok(if stays {
            Removed::Kept
        } else if deleted || forgotten {
            Removed::Deleted
        } else {
            Removed::Absent
        })
    }

    /// The project's robot account of our name, whoever made it.
    async fn robot(&self, project: i64) -> Result<Option<Robot>, StepError> {
        let of_project = format!("Level=project,ProjectID={project}");
        let all: Vec<Robot> = self.list(&api("/robots"), &[("q", &of_project)]).await?;
        // No name that one may give has a `+`.
        let ours = |robot: &Robot| robot.name.rsplit_once('+').is_some_and(|(_, name)| name == NAME);
        Ok(all.into_iter().find(ours))
    }
}

//! Projects, templates and tool connections.

use opstella_domain::project::{Project, ProjectCommand};
use opstella_domain::template::{Template, TemplateCommand, TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::{Connection, ConnectionKey, ToolConnection, ToolConnectionCommand};
use opstella_domain::{Decide, ProjectSlug, Subject};
use opstella_journal::{Loaded, StreamAppend};

use crate::unit::Decision;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// `CreateProject`.
#[derive(Debug, Clone)]
pub struct CreateProject {
    /// Its slug.
    pub slug: ProjectSlug,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Subject,
}

/// `RegisterTemplate`.
#[derive(Debug, Clone)]
pub struct RegisterTemplate {
    /// Which version of which template.
    pub template: TemplateRef,
    /// One line for people.
    pub description: String,
    /// The files.
    pub files: TemplateFiles,
}

/// `ConnectTool`.
#[derive(Debug, Clone)]
pub struct ConnectTool {
    /// Which.
    pub key: ConnectionKey,
    /// Where and how.
    pub connection: Connection,
}

impl Commands {
    /// Makes a project.
    ///
    /// # Errors
    /// [`CommandError`]; `AlreadyExists` where the slug is taken.
    pub async fn create_project(
        &self,
        context: &CommandContext,
        request: CreateProject,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        self.carry_out("CreateProject", context, None, || async move {
            let id = request.slug.to_string();
            let loaded = self.load_new_expected::<Project>(&id, context).await?;
            let command = ProjectCommand::Create {
                slug: request.slug.clone(),
                name: request.name.clone(),
                description: request.description.clone(),
                owner: request.owner.clone(),
            };
            decide_one(&loaded, command, format!("/projects/{id}"))
        })
        .await
    }

    /// Adds a version of a template. The same files again change nothing.
    ///
    /// # Errors
    /// [`CommandError`]; `AlreadyExists` where the version is there with other files.
    pub async fn register_template(
        &self,
        context: &CommandContext,
        request: RegisterTemplate,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        self.carry_out("RegisterTemplate", context, None, || async move {
            let loaded = self
                .load_expected::<Template>(request.template.name.as_str(), context)
                .await?;
            let command = TemplateCommand::Register {
                template: request.template.clone(),
                description: request.description.clone(),
                files: request.files.clone(),
            };
            let TemplateRef { name, version } = &request.template;
            decide_one(&loaded, command, format!("/templates/{name}/versions/{version}"))
        })
        .await
    }

    /// Makes a connection to a tool, or changes it.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn connect_tool(
        &self,
        context: &CommandContext,
        request: ConnectTool,
    ) -> Result<Accepted, CommandError> {
        let request = &request;
        self.carry_out("ConnectTool", context, None, || async move {
            let id = request.key.to_string();
            let loaded = self.load_expected::<ToolConnection>(&id, context).await?;
            let (key, connection) = (request.key.clone(), request.connection.clone());
            decide_one(
                &loaded,
                ToolConnectionCommand::Connect { key, connection },
                format!("/tools/{id}"),
            )
        })
        .await
    }
}

/// A decision that concerns one aggregate only.
pub(crate) fn decide_one<A>(
    loaded: &Loaded<A>,
    command: <A as Decide>::Command,
    resource: String,
) -> Result<Decision, CommandError>
where
    A: Decide + cqrs_es::Aggregate<Event = <A as Decide>::Event>,
{
    let events = loaded.state.decide(command)?;
    let stream = StreamAppend::of(loaded, events)?;
    let answer = Accepted::new(resource, stream.version_after());
    Ok(Decision {
        streams: vec![stream],
        answer,
    })
}

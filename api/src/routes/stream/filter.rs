//! Which events a reader of the stream of everything wants.

use opstella_domain::{Environment, ProjectSlug, ServiceName};

use crate::events::{AGGREGATES, Concern};
use crate::http::params::QueryParams;
use crate::problem::Problem;

/// What a reader wants to hear of; of everything where nothing is named.
#[derive(Debug, Default)]
pub(super) struct Filter {
    project: Option<ProjectSlug>,
    service: Option<ServiceName>,
    environment: Option<Environment>,
    aggregate_type: Option<String>,
}

impl Filter {
    /// The filter that the parameters name.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`].
    pub fn of(query: &QueryParams) -> Result<Self, Problem> {
        query.only(&["project", "service", "environment", "aggregate_type"])?;
        let filter = Self {
            project: query.value("project")?,
            service: query.value("service")?,
            environment: query.value("environment")?,
            aggregate_type: query.one_of("aggregate_type", AGGREGATES)?,
        };
        match &filter.service {
            Some(service) if filter.project.is_none() => {
                let rule = "name the project as well: a service is one of a project";
                Err(Problem::parameter("service", rule, service.as_str()))
            }
            _ => Ok(filter),
        }
    }

    /// Whether events of this type are wanted.
    pub fn takes_type(&self, aggregate_type: &str) -> bool {
        let wanted = self.aggregate_type.as_deref();
        wanted.is_none_or(|wanted| wanted == aggregate_type)
    }

    /// Whether it does not matter what an event concerns.
    pub fn takes_every_place(&self) -> bool {
        self.project.is_none() && self.environment.is_none()
    }

    /// Whether what concerns this is wanted.
    pub fn takes(&self, concern: &Concern) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        fits(self.project.as_ref(), concern.project.as_ref())
            && fits(self.service.as_ref(), concern.service.as_ref())
            && fits(self.environment.as_ref(), concern.environment.as_ref())
    }
}

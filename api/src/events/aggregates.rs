//! The types of aggregates that events are of.

use opstella_domain::Decide;
use opstella_domain::access::log::Access;
use opstella_domain::evidence::Artifact;
use opstella_domain::policy::Policy;
use opstella_domain::project::Project;
use opstella_domain::promotion::ServiceEnvironment;
use opstella_domain::release::Release;
use opstella_domain::run::Run;
use opstella_domain::service::Service;
use opstella_domain::subscription::Subscription;
use opstella_domain::template::Template;
use opstella_domain::tool_connection::ToolConnection;

/// Every type, as filters take it.
pub(crate) const AGGREGATES: &[&str] = &[
    <Project as Decide>::TYPE,
    <Service as Decide>::TYPE,
    <Release as Decide>::TYPE,
    <Artifact as Decide>::TYPE,
    <ServiceEnvironment as Decide>::TYPE,
    <Policy as Decide>::TYPE,
    <Run as Decide>::TYPE,
    <Template as Decide>::TYPE,
    <ToolConnection as Decide>::TYPE,
    <Subscription as Decide>::TYPE,
    <Access as Decide>::TYPE,
];

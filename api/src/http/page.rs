//! Pages of lists.

use serde::Serialize;
use utoipa::ToSchema;

use super::params::QueryParams;
use crate::problem::Problem;

/// Entries of a page where the request does not say.
const DEFAULT_LIMIT: u32 = 50;

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Most entries.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    /// [`crate::problem::ProblemKind::InvalidParameter`].
    pub fn of(query: &QueryParams, largest: u32) -> Result<Self, Problem> {
        let rule = format!("a number from 1 to {largest}");
        let limit = query
            .parse::<u32>("limit", &rule)?
            .unwrap_or(DEFAULT_LIMIT.min(largest));
        if !(1..=largest).contains(&limit) {
            return Err(Problem::parameter("limit", rule, &limit.to_string()));
        }
        let cursor = query.get("cursor").map(str::to_owned);
        Ok(Self { limit, cursor })
    }
}

impl From<PageRequest> for opstella_projections::queries::PageRequest {
    fn from(request: PageRequest) -> Self {
        Self {
            limit: request.limit,
            cursor: request.cursor,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Path of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("/api/v1/projects?limit=50&cursor=cGF5bWVudHM"))]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page with the link to the next one: the same request with another cursor.
    pub fn new(found: opstella_projections::queries::Page<T>, path: &str, query: &QueryParams) -> Self {
        let next = found.next.map(|cursor| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in query
                .pairs()
                .filter(|(name, _)| *name != "cursor" && *name != "after")
            {
                pairs.append_pair(name, value);
            }
            pairs.append_pair("cursor", &cursor);
            format!("{path}?{}", pairs.finish())
        });
        Self {
            items: found.items,
            next,
        }
    }
}

//! The request being answered, for what has no other way to it: problem documents.

use std::future::Future;

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

/// What is known of the request being answered.
#[derive(Debug, Clone)]
pub(crate) struct CurrentRequest {
    /// Its id.
    pub id: String,
    /// Its path.
    pub path: String,
}

/// Runs a future as part of a request.
pub(crate) fn within<F: Future>(request: CurrentRequest, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(request, future)
}

/// The request that this task answers.
pub(crate) fn request() -> Option<CurrentRequest> {
    CURRENT.try_with(Clone::clone).ok()
}

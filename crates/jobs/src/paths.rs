//! The paths of a job's routes.

/// The paths of a job's routes, which follow from its name. They have no trailing slashes: the
/// server strips those from requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `POST`: callers submit requests.
    pub submit: String,
    /// `GET`: a page of a citizen's records.
    pub history: String,
    /// `GET`: one record.
    pub find: String,
    /// `GET` and `DELETE`: what is held about a citizen.
    pub citizen: String,
    /// `POST`: the bridge deletes old records.
    pub retention: String,
    /// `POST`: the bridge delivers messages.
    pub deliveries: String,
    /// `POST`: the bridge delivers several messages together.
    pub batch: String,
    /// `POST`: the bridge leases events to publish.
    pub outbox: String,
    /// `POST`: the bridge reports which events have been published.
    pub published: String,
}

impl Paths {
    /// Returns the paths of the job with this name, whose requests are submitted under `action`.
    ///
    /// ```
    /// use connectivity_jobs::Paths;
    ///
    /// let paths = Paths::new("documents", "authenticate");
    /// assert_eq!(paths.submit, "/api/v1/documents/authenticate");
    /// assert_eq!(paths.published, "/internal/v1/documents/outbox/published");
    /// ```
    pub fn new(name: &str, action: &str) -> Self {
        Self {
            submit: format!("/api/v1/{name}/{action}"),
            history: format!("/api/v1/{name}/history"),
            find: format!("/api/v1/{name}/{{id}}"),
            citizen: format!("/api/v1/{name}/citizens/{{id}}"),
            retention: format!("/internal/v1/{name}/retention"),
            deliveries: format!("/internal/v1/{name}/deliveries"),
            batch: format!("/internal/v1/{name}/deliveries/batch"),
            outbox: format!("/internal/v1/{name}/outbox"),
            published: format!("/internal/v1/{name}/outbox/published"),
        }
    }
}

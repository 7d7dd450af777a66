//! The routes for the bridge, which delivers messages from the queue and publishes events. Scope
//! `bridge`.

use crate::batch;
use crate::delivery::{self, Answer, Delivery};
use crate::job::Job;
use crate::outbox::{Ages, LeaseRequest, Leased, Published};
use crate::services::{Records, Services};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use connectivity_domain::job::{Claim, JobRegistry, MessageId, Origin, Task, give_up, perform, perform_all};
use connectivity_edge::guard::Route;
use connectivity_edge::json_body::read_json;
use connectivity_edge::problem::Problem;
use connectivity_edge::request_body::RequestBody;
use connectivity_edge::retention;
use connectivity_edge::token::Caller;
use connectivity_runtime::request_context::RequestContext;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// How long an event stays leased to the bridge that publishes it. After that it is leased again.
const LEASE: Duration = Duration::from_secs(30);

// Without rate limits, because the bridge calls once for every message.
const DELIVER: Route = Route::without_rate_limit("deliver", "bridge");
const DELIVER_BATCH: Route = Route::without_rate_limit("deliver_batch", "bridge");
const OUTBOX: Route = Route::without_rate_limit("outbox", "bridge");
const PUBLISHED: Route = Route::without_rate_limit("published", "bridge");
const RETENTION: Route = Route::without_rate_limit("retention", "bridge");

pub(crate) async fn deliver<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let respond = async |caller: Caller| services.deliver::<J>(&context, &caller.subject, &headers, body).await;
    services.guard.guarded(DELIVER, &headers, (services.now)(), respond).await
}

/// Takes several deliveries in one request.
pub(crate) async fn deliver_batch<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let respond = async |caller: Caller| services.deliver_batch::<J>(&context, &caller.subject, &headers, body).await;
    services.guard.guarded(DELIVER_BATCH, &headers, (services.now)(), respond).await
}

pub(crate) async fn lease<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    services.guard.guarded(OUTBOX, &headers, (services.now)(), |_| services.lease::<J>(&headers, body)).await
}

pub(crate) async fn published<J: Job, R: JobRegistry<J::Question> + 'static, S: Records<J::Question>>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    services.guard.guarded(PUBLISHED, &headers, (services.now)(), |_| services.published::<J>(&headers, body)).await
}

/// Deletes a batch of old records.
pub(crate) async fn expire<R: Send + Sync + 'static, S: Send + Sync + 'static>(
    State(services): State<Arc<Services<R, S>>>,
    headers: HeaderMap,
    body: RequestBody,
) -> Response {
    let now = (services.now)();
    let respond = |_| retention::expire(&services.old_records, &headers, body, now);
    services.guard.guarded(RETENTION, &headers, now, respond).await
}

impl<R, S> Services<R, S> {
    async fn deliver<J: Job>(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem>
    where
        R: JobRegistry<J::Question> + 'static,
        S: Records<J::Question>,
    {
        let body = body.read().await?;
        let delivered = self.read::<J>(context, subject, headers, &body).await?;
        Ok(self.perform_alone::<J>(delivered).await.into_response(&self.keys))
    }

    async fn deliver_batch<J: Job>(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: RequestBody,
    ) -> Result<Response, Problem>
    where
        R: JobRegistry<J::Question> + 'static,
        S: Records<J::Question>,
    {
        let mut answers = Vec::new();
        let (mut tasks, mut places) = (Vec::new(), Vec::new());
        for (place, delivered) in batch::read(headers, &body.read().await?)?.iter().enumerate() {
            let headers = delivered.headers();
            // Each has its own trace, and all have the id of their request in the log.
            let context = RequestContext::from_headers(&headers, || context.request_id.clone());
            let answer = match self.read::<J>(&context, subject, &headers, delivered.body.as_bytes()).await {
                Ok((task, false)) => {
                    tasks.push(task);
                    places.push(place);
                    None
                }
                Ok(removed) => Some(self.perform_alone::<J>(removed).await),
                Err(problem) => Some(Answer::refused(problem)),
            };
            answers.push((context, answer));
        }
        let performed = perform_all(&self.store, &tasks, self.now).await;
        for ((place, task), performed) in places.into_iter().zip(&tasks).zip(performed) {
            answers[place].1 = Some(Answer::new::<J>(&task.claim.message_id, performed));
        }
        let answers = answers.into_iter().filter_map(|(context, answer)| {
            let answer = answer?;
            batch::log_answer(&context, &answer);
            Some(answer)
        });
        Ok(batch::respond(answers.collect(), &self.keys))
    }

    /// Reads a delivery. Returns the task, and whether the request is finished without asking the
    /// registry.
    async fn read<J: Job>(
        &self,
        context: &RequestContext,
        subject: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(Task<J::Question, R>, bool), Problem>
    where
        R: JobRegistry<J::Question> + 'static,
        S: Records<J::Question>,
    {
        let Delivery { message_id, replay, request, correlation, give_up_after, is_removed } =
            delivery::read::<J>(headers, body)?;
        let message_id = self.known_id::<J>(message_id, &request).await?;
        let message_id = replay.map_or(message_id.clone(), |number| message_id.replay(number));
        let claim = Claim { correlation, ..self.claim(context, subject, message_id, request, Origin::Queue) };
        Ok((Task { claim, registry: (self.registry)(context, subject), give_up_after }, is_removed))
    }

    /// Performs a task alone.
    async fn perform_alone<J: Job>(&self, (task, is_removed): (Task<J::Question, R>, bool)) -> Answer<J::Question>
    where
        R: JobRegistry<J::Question> + 'static,
        S: Records<J::Question>,
    {
        let performed = if is_removed {
            give_up(&self.store, &task.claim, self.now).await
        } else {
            perform(&self.store, &task, self.now).await
        };
        Answer::new::<J>(&task.claim.message_id, performed)
    }

    /// Returns the id of the record whose request the message hands over, or the id of the message
    /// itself if it is a request of its own.
    async fn known_id<J: Job>(&self, message_id: MessageId, request: &J::Question) -> Result<MessageId, Problem>
    where
        S: Records<J::Question>,
    {
        let Some(record) = message_id.record() else { return Ok(message_id) };
        let found = self.store.find(record).await?.filter(|found| found.request == *request);
        Ok(found.map_or(message_id, |found| found.message_id))
    }

    async fn lease<J: Job>(&self, headers: &HeaderMap, body: RequestBody) -> Result<Response, Problem>
    where
        S: Records<J::Question>,
    {
        let LeaseRequest { limit, waiting } = read_json(headers, &body.read().await?)?;
        let now = (self.now)();
        let records = self.store.lease(limit.clamp(1, 500), &(self.new_id)(), now, now.plus(LEASE)).await?;
        let ages = if waiting { Some(Ages::new(&self.store.waiting().await?, now)) } else { None };
        Ok(Json(Leased::new(&records, ages, &self.keys)).into_response())
    }

    async fn published<J: Job>(&self, headers: &HeaderMap, body: RequestBody) -> Result<Response, Problem>
    where
        S: Records<J::Question>,
    {
        let Published { results, requests } = read_json(headers, &body.read().await?)?;
        let now = (self.now)();
        self.store.results_published(&results, now).await?;
        self.store.requests_published(&requests, now.plus(self.requeue_after)).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

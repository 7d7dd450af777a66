//! `retention`: deletes old records once.

use super::api::ApiError;
use crate::components::Components;
use crate::output::print_line;
use crate::retention::Retention;
use crate::settings::ApiSettings;
use crate::token::Tokens;
use connectivity_domain::job::settlement::describe;

/// Deletes the records that are too old, and prints how many there were.
pub(crate) async fn delete_old_records(settings: ApiSettings) -> Result<(), ApiError> {
    let ApiSettings { components_url, tls, credentials, scope } = settings;
    let components =
        Components::new(&components_url, &tls, |http| Tokens::new(credentials, scope, &components_url, http))?;
    let processed = Retention::default().run(&components).await;
    print_line!("old records: {}", processed.map_err(|reply| ApiError::Retention(describe(&reply)))?);
    Ok(())
}

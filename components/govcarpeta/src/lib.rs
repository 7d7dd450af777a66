//! The registry plugin for the GovCarpeta HTTP API.

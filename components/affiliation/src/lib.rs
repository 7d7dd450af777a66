//! POST /api/v1/affiliation/check/ and its history.

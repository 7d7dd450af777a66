//! The ids of one request.

use crate::citizen::CitizenId;
use std::collections::HashMap;

/// The most ids that one request may have.
pub const MAX_BATCH: usize = 100;

/// The ids of one request: each citizen once, and which id of the request is which citizen. `E` says
/// why an id is invalid.
///
/// ```
/// use connectivity_domain::check::Batch;
/// use connectivity_domain::citizen::CitizenId;
///
/// let ids = ["1128456232", "12345", "001128456232"].map(CitizenId::parse);
/// let batch = Batch::new(ids);
/// assert_eq!((batch.len(), batch.citizens.len()), (3, 1));
/// assert!(matches!(batch.places[..], [Ok(0), Err(_), Ok(0)]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<E> {
    /// The citizens, in the order in which the request names them first.
    pub citizens: Vec<CitizenId>,
    /// For each id of the request: the position of its citizen, or why the id is invalid.
    pub places: Vec<Result<usize, E>>,
}

impl<E> Batch<E> {
    /// Creates the batch of these ids.
    pub fn new(ids: impl IntoIterator<Item = Result<CitizenId, E>>) -> Self {
        let (mut citizens, mut known) = (Vec::new(), HashMap::new());
        let mut place = |citizen: CitizenId| {
            *known.entry(citizen.clone()).or_insert_with(|| {
                citizens.push(citizen);
                citizens.len() - 1
            })
        };
        let places = ids.into_iter().map(|id| id.map(&mut place)).collect();
        Self { citizens, places }
    }

    /// Returns how many ids the request has, repeated and invalid ones included.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether the request has no ids.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

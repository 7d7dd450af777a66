//! The pure rules of the service: no Spin, HTTP, SQL, clock or randomness.

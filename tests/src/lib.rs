//! Black-box tests: services, a registry simulator and scenarios.

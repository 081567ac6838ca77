//! Networks; one file a network.

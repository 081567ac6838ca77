//! Training: losses, optimisers, checkpoints, the loop.

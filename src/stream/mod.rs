//! The bounded pipeline between slide and model.

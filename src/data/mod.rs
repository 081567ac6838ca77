//! Training data: formats, splits, augmentation.

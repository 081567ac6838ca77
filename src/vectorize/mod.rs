//! From class maps to outlines, objects and measurements.

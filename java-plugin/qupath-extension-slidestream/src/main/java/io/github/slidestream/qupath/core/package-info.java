/** The logic of segmenting, free of QuPath and of JavaFX: what QuPath is to it stands in the interfaces here. */
package io.github.slidestream.qupath.core;

/** The logic of training from annotations and of reviewing, free of QuPath and of JavaFX. */
package io.github.slidestream.qupath.train;

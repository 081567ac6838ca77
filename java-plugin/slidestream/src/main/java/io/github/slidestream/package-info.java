/**
 * Segments whole-slide images and trains the models for it, from any program on the JVM. {@link io.github.slidestream.Slide},
 * {@link io.github.slidestream.Model} and {@link io.github.slidestream.Segmentation} are where to begin.
 *
 * <p>All coordinates are level-0 pixels of the slide, x to the right and y down. All classes may be used by many threads. All
 * errors are {@link io.github.slidestream.SlidestreamException}s, but for arguments that break a method's contract.
 */
package io.github.slidestream;

/** QuPath itself: the only package, besides the extension's entry, that calls it. */
package io.github.slidestream.qupath.host;

/** What the extension asks of whoever computes: a narrow door, so that dialogs and runs can be tried without an engine. */
package io.github.slidestream.qupath.engine;

/** The dialogs. They know QuPath only as a {@link io.github.slidestream.qupath.ui.Workbench}. */
package io.github.slidestream.qupath.ui;

package io.github.slidestream.qupath.engine;

import java.nio.file.Path;

/**
 * A model package in a list.
 *
 * @param id what {@link Engine#load} takes: its name, or its folder with forward slashes
 * @param name its name
 * @param title what it finds, one sentence; for an unsound package why it cannot be used
 * @param usable is it sound?
 * @param mpp the resolution at which it looks, micrometres per pixel; 0 for an unsound package
 * @param card its model card, Markdown; may be empty
 * @param folder where the package lies; null if that is not known
 */
public record ModelCard(String id, String name, String title, boolean usable, double mpp, String card, Path folder) {
    @Override
    public String toString() {
        return name;
    }
}

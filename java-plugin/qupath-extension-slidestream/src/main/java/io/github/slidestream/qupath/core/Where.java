package io.github.slidestream.qupath.core;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Which parts of the image are segmented. */
public enum Where {
    /** The annotations and TMA cores that are selected. */
    SELECTED("selected"),
    /** All annotations that have an area. */
    ANNOTATIONS("annotations"),
    /** All TMA cores that are not missing. */
    CORES("cores"),
    /** The tissue on the whole image. */
    TISSUE("tissue"),
    /** The whole image, glass included. */
    EVERYWHERE("everywhere");

    private final String word;

    Where(String word) {
        this.word = word;
    }

    /** @return as scripts name it */
    public String word() {
        return word;
    }

    /**
     * @param word as scripts name it
     * @return the value
     * @throws IllegalArgumentException for another word, naming those that there are
     */
    public static Where of(String word) {
        return Arrays.stream(values()).filter(one -> one.word.equals(word)).findFirst().orElseThrow(() -> {
            String all = Arrays.stream(values()).map(Where::word).collect(Collectors.joining(", "));
            return new IllegalArgumentException("where(\"" + word + "\"): there is " + all);
        });
    }

    /** @return is it the image itself, and not objects in it? */
    public boolean isImage() {
        return this == TISSUE || this == EVERYWHERE;
    }
}

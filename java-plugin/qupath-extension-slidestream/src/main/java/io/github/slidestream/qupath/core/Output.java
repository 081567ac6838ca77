package io.github.slidestream.qupath.core;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What becomes of the objects found. */
public enum Output {
    /** A detection each. */
    DETECTIONS("detections"),
    /** An annotation each. */
    ANNOTATIONS("annotations"),
    /** Numbers on the parent only: count, area and share of each class. */
    MEASUREMENTS("measurements");

    private final String word;

    Output(String word) {
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
    public static Output of(String word) {
        return Arrays.stream(values()).filter(one -> one.word.equals(word)).findFirst().orElseThrow(() -> {
            String all = Arrays.stream(values()).map(Output::word).collect(Collectors.joining(", "));
            return new IllegalArgumentException("output(\"" + word + "\"): there is " + all);
        });
    }
}

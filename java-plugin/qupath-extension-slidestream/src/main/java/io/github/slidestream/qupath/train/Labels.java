package io.github.slidestream.qupath.train;

/** What a model learns of the annotated objects. */
public enum Labels {
    /** Single objects of one class, told apart where they touch. */
    INSTANCES("instances"),
    /** Areas of one class. */
    AREA("binary"),
    /** Areas of several classes, each with its own name. */
    CLASSES("classes");

    private final String key;

    Labels(String key) {
        this.key = key;
    }

    /** @return as {@code data.labels} of a configuration says it */
    public String key() {
        return key;
    }

    /**
     * @param key of a configuration
     * @return what it means
     * @throws IllegalArgumentException for another word, naming those that there are
     */
    public static Labels of(String key) {
        for (Labels one : values()) {
            if (one.key.equals(key)) {
                return one;
            }
        }
        throw new IllegalArgumentException("labels is '" + key + "'; it must be instances, binary or classes");
    }
}

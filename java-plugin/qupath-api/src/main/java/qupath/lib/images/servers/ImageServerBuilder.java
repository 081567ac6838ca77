package qupath.lib.images.servers;

/** Signatures only. */
public interface ImageServerBuilder<T> {
    /** Signatures only. */
    interface ServerBuilder<T> {
        ImageServer<T> build() throws Exception;
    }

    /** Signatures only. */
    class DefaultImageServerBuilder<T> implements ServerBuilder<T> {
        private DefaultImageServerBuilder() {
            throw new AssertionError();
        }

        @Override
        public ImageServer<T> build() {
            throw new AssertionError();
        }

        public String[] getArgs() {
            throw new AssertionError();
        }
    }
}

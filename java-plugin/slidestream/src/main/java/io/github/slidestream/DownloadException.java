package io.github.slidestream;

/** A download failed. What has come stays, and the next try goes on from there, unless the message says otherwise. */
public final class DownloadException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the address, what happened and the cure
     */
    public DownloadException(String message) {
        super(message);
    }

    DownloadException(String message, Throwable cause) {
        super(message, cause);
    }
}

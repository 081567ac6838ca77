package io.github.slidestream;

/** The device is not there or cannot be used; {@link Devices#list()} tells why. */
public final class DeviceException extends SlidestreamException {
    private static final long serialVersionUID = 1L;

    /**
     * Thrown by the library.
     *
     * @param message the value, the place and the cure
     */
    public DeviceException(String message) {
        super(message);
    }
}

package io.github.slidestream;

/** Is told by {@link Native#install} how far it is. */
interface InstallWatch {
    /** Bytes of the archive done and in all; false ends the installation. */
    boolean goOn(long done, long all);
}

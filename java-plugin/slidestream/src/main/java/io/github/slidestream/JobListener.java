package io.github.slidestream;

import java.nio.ByteBuffer;

/** Events of a job, called by {@link Native#pump} on its thread. What these throw ends the job and comes out of it. */
interface JobListener {
    void note(String text);

    void progress(long done, long total, double perSecond, double secondsLeft, String text);

    /** The buffer is valid during the call only. */
    void objects(ByteBuffer packed);

    /** The engine wants a region; answered by {@link Native#answer} or {@link Native#refuse}, from any thread. */
    void pixels(int slot, int level, int x, int y, int width, int height);
}

package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.Listener.Progress;
import java.util.Locale;

/** Progress in words. */
public final class Pace {
    private Pace() {}

    /**
     * @param progress of a job
     * @param what is counted: {@code tiles}, {@code steps}
     * @return such as {@code 120 of 4,000 tiles, 31.4 tiles/s, 2 min 4 s left}
     */
    public static String text(Progress progress, String what) {
        if (progress.total() <= 0) {
            return "looking at the image";
        }
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%,d of %,d %s", progress.done(), progress.total(), what));
        if (progress.perSecond() > 0) {
            text.append(String.format(Locale.ROOT, ", %s %s/s", digits(progress.perSecond()), what));
        }
        if (Double.isFinite(progress.secondsLeft()) && progress.done() < progress.total()) {
            text.append(", ").append(duration(progress.secondsLeft())).append(" left");
        }
        return text.toString();
    }

    /**
     * @param seconds 0 or more
     * @return such as {@code 12 s}, {@code 3 min 5 s}, {@code 2 h 10 min}
     */
    public static String duration(double seconds) {
        if (seconds < 9.95) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        long whole = Math.round(seconds);
        if (whole < 60) {
            return whole + " s";
        }
        if (whole < 3600) {
            return whole / 60 + " min" + (whole % 60 == 0 ? "" : " " + whole % 60 + " s");
        }
        return whole / 3600 + " h" + (whole % 3600 < 60 ? "" : " " + whole % 3600 / 60 + " min");
    }

    static String digits(double rate) {
        return String.format(Locale.ROOT, rate >= 100 ? "%.0f" : rate >= 1 ? "%.1f" : "%.2f", rate);
    }
}

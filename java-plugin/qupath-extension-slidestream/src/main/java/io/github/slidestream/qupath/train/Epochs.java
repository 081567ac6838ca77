package io.github.slidestream.qupath.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A training run's {@code metrics.csv}. */
public final class Epochs {
    private Epochs() {}

    /**
     * One epoch.
     *
     * @param epoch from 1
     * @param trainLoss mean of its steps
     * @param valLoss NaN if it was not validated
     * @param valDice NaN if it was not validated, or for a pre-training
     */
    public record Row(int epoch, double trainLoss, double valLoss, double valDice) {}

    /**
     * @param file {@code metrics.csv}, which the run replaces as a whole
     * @return its epochs; none before the first is complete
     * @throws IOException if it cannot be read or has no such columns
     */
    public static List<Row> read(Path file) throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (NoSuchFileException none) {
            return List.of();
        }
        List<Row> rows = new ArrayList<>();
        if (lines.isEmpty()) {
            return rows;
        }
        List<String> head = List.of(lines.get(0).split(",", -1));
        for (String needed : List.of("epoch", "train_loss")) {
            if (!head.contains(needed)) {
                throw new IOException(file + " has no column `" + needed + "`: " + lines.get(0));
            }
        }
        for (String line : lines.subList(1, lines.size())) {
            String[] cells = line.split(",", -1);
            rows.add(new Row(
                    (int) value(cells, head, "epoch", file),
                    value(cells, head, "train_loss", file),
                    value(cells, head, "val_loss", file),
                    value(cells, head, "val_dice", file)));
        }
        return rows;
    }

    private static double value(String[] cells, List<String> head, String column, Path file) throws IOException {
        int at = head.indexOf(column);
        if (at < 0 || at >= cells.length || cells[at].isBlank()) {
            return Double.NaN;
        }
        try {
            return Double.parseDouble(cells[at]);
        } catch (NumberFormatException error) {
            throw new IOException(file + ": `" + column + "` is " + cells[at] + ", a number is needed", error);
        }
    }
}

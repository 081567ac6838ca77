package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.engine.Listener.Progress;
import io.github.slidestream.qupath.train.Epochs;
import io.github.slidestream.qupath.train.FineTuneRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import javafx.application.Platform;
import javafx.fxml.FXML;
import javafx.scene.chart.LineChart;
import javafx.scene.chart.NumberAxis;
import javafx.scene.chart.XYChart;
import javafx.scene.control.Label;
import javafx.scene.image.Image;
import javafx.scene.image.ImageView;

/** The loss curve of a training and its newest picture. */
final class TrainingView {
    @FXML private LineChart<Number, Number> chart;
    @FXML private NumberAxis epochs;
    @FXML private Label figures;
    @FXML private Label phase;
    @FXML private ImageView picture;
    @FXML private Label pictureName;

    private final String kind;

    /** @param kind of the training, as in the keys of its pictures' names */
    TrainingView(String kind) {
        this.kind = kind;
    }

    void clear() {
        chart.getData().clear();
        Pane.show(chart, false);
        figures.setText("");
        phase.setText("");
        pictureName.setText("");
        picture.setImage(null);
        Pane.show(picture, false);
    }

    @FXML
    private void initialize() {
        clear();
    }

    /** Passes a run's events on to JavaFX's thread. */
    FineTuneRun.Watcher watcher(RunBox run, String what) {
        return new FineTuneRun.Watcher() {
            @Override
            public void phase(String text) {
                Platform.runLater(() -> phase.setText(text));
            }

            @Override
            public void progress(Progress progress) {
                double share = progress.total() <= 0 ? 0 : (double) progress.done() / progress.total();
                run.show("", share, progress, what);
            }

            @Override
            public void note(String text) {
                run.note(text);
            }

            @Override
            public void epochs(List<Epochs.Row> rows) {
                Platform.runLater(() -> draw(rows));
            }

            @Override
            public void picture(Path file) {
                Platform.runLater(() -> look(file));
            }
        };
    }

    void draw(List<Epochs.Row> rows) {
        Pane.show(chart, !rows.isEmpty());
        int newest = rows.isEmpty() ? 1 : rows.get(rows.size() - 1).epoch();
        epochs.setUpperBound(newest + 1.0);
        epochs.setTickUnit(Math.max(1, Math.ceil(newest / 10.0)));
        chart.getData().setAll(List.of(
                series(Strings.get("curve.train"), rows, Epochs.Row::trainLoss),
                series(Strings.get("curve.val"), rows, Epochs.Row::valLoss)));
        if (!rows.isEmpty()) {
            Epochs.Row last = rows.get(rows.size() - 1);
            figures.setText(Double.isNaN(last.valDice())
                    ? Strings.get("curve.figures", last.epoch(), digits(last.trainLoss()))
                    : Strings.get("curve.figures.dice", last.epoch(), digits(last.trainLoss()), digits(last.valDice())));
        }
    }

    private static XYChart.Series<Number, Number> series(String name, List<Epochs.Row> rows, ToDoubleFunction<Epochs.Row> value) {
        XYChart.Series<Number, Number> series = new XYChart.Series<>();
        series.setName(name);
        for (Epochs.Row row : rows) {
            if (!Double.isNaN(value.applyAsDouble(row))) {
                series.getData().add(new XYChart.Data<>(row.epoch(), value.applyAsDouble(row)));
            }
        }
        return series;
    }

    private static String digits(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }

    private void look(Path file) {
        Image image = new Image(file.toUri().toString());
        if (image.isError()) {
            pictureName.setText(Strings.get("picture.unreadable", file, image.getException()));
            return;
        }
        picture.setImage(image);
        Pane.show(picture, true);
        String name = file.getFileName().toString().replaceAll("-\\d+", "").replace(".png", "");
        pictureName.setText(Strings.get(kind + ".picture." + name));
    }
}

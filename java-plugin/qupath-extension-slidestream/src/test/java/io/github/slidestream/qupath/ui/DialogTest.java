package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.FakeEngine;
import io.github.slidestream.qupath.engine.EngineException;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import javafx.beans.property.IntegerProperty;
import javafx.beans.property.SimpleIntegerProperty;
import javafx.beans.property.SimpleStringProperty;
import javafx.beans.property.StringProperty;
import javafx.embed.swing.SwingFXUtils;
import javafx.scene.Group;
import javafx.scene.Parent;
import javafx.scene.Scene;
import javafx.scene.control.ButtonBase;
import javafx.scene.control.ComboBox;
import javafx.scene.control.Labeled;
import javafx.scene.control.ScrollPane;
import javafx.scene.control.TextInputControl;
import javafx.scene.image.WritableImage;
import javafx.scene.layout.Region;
import javafx.scene.layout.VBox;
import javafx.stage.Stage;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.testfx.framework.junit5.ApplicationTest;
import org.testfx.util.WaitForAsyncUtils;

/** A dialog in a window without a screen; snapshots go to {@code target/snapshots}. */
abstract class DialogTest extends ApplicationTest {
    /** The user's folder, in a home of the tests' own. */
    static final Path FOLDER = Path.of(System.getProperty("user.home"), ".local", "share", "slidestream");

    final FakeEngine engine = new FakeEngine();
    final FakeWorkbench workbench = new FakeWorkbench();
    final ExecutorService background = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "background");
        thread.setDaemon(true);
        return thread;
    });
    EngineException broken;
    Stage stage;

    /** The dialog under test. */
    abstract Parent dialog() throws Exception;

    @Override
    public void start(Stage given) throws Exception {
        try (Stream<Path> old = Files.exists(FOLDER) ? Files.walk(FOLDER) : Stream.empty()) {
            for (Path file : old.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        stage = given;
        stage.setScene(new Scene(dialog(), 520, 640));
        stage.show();
    }

    @AfterEach
    void end() {
        engine.gate.countDown();
        background.shutdownNow();
    }

    SegmentController.EngineSource source() {
        return () -> {
            if (broken != null) {
                throw broken;
            }
            return engine;
        };
    }

    static Settings settings() {
        return new Settings(new Settings.Store() {
            @Override
            public StringProperty text(String key, String value) {
                return new SimpleStringProperty(value);
            }

            @Override
            public IntegerProperty number(String key, int value) {
                return new SimpleIntegerProperty(value);
            }
        });
    }

    static void until(Callable<Boolean> true_) throws TimeoutException {
        WaitForAsyncUtils.waitFor(20, TimeUnit.SECONDS, true_);
        WaitForAsyncUtils.waitForFxEvents();
    }

    void fx(Runnable work) {
        interact(work);
    }

    Labeled label(String id) {
        return lookup("#" + id).query();
    }

    ButtonBase button(String id) {
        return lookup("#" + id).query();
    }

    TextInputControl field(String id) {
        return lookup("#" + id).query();
    }

    <T> ComboBox<T> choice(String id) {
        return lookup("#" + id).queryComboBox();
    }

    String text(String id) {
        return label(id).isVisible() ? label(id).getText() : "";
    }

    /** Fires a button as its key would. */
    void press(String id) {
        fx(button(id)::fire);
    }

    /** The whole content, at a type size in percent of the usual one. */
    File snapshot(String name, int percent) throws IOException {
        File file = new File("target/snapshots/" + name + (percent == 100 ? "" : "-" + percent) + ".png");
        file.getParentFile().mkdirs();
        WritableImage[] picture = new WritableImage[1];
        fx(() -> {
            // In a scene of its own: larger than the screen there is.
            ScrollPane scroll = (ScrollPane) stage.getScene().getRoot();
            Region content = (Region) scroll.getContent();
            scroll.setContent(null);
            VBox page = new VBox(content);
            page.getStyleClass().addAll("slidestream", "root");
            page.getStylesheets().setAll(scroll.getStylesheets());
            page.setStyle("-fx-font-size: " + 13 * percent / 100 + "px; -fx-background-color: #f4f4f4;");
            double width = 520.0 * percent / 100;
            Scene scene = new Scene(page, width, 100);
            page.applyCss();
            page.layout();
            double height = content.prefHeight(width);
            page.setPrefHeight(height);
            Scene whole = new Scene(new Group(), width, height);
            scene.setRoot(new Group());
            whole.setRoot(page);
            page.applyCss();
            page.layout();
            picture[0] = whole.snapshot(null);
            page.getChildren().clear();
            scroll.setContent(content);
        });
        BufferedImage swing = SwingFXUtils.fromFXImage(picture[0], null);
        ImageIO.write(swing, "png", file);
        return file;
    }
}

package io.github.slidestream.qupath;

import io.github.slidestream.qupath.engine.EngineException;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.host.QuPathWorkbench;
import io.github.slidestream.qupath.ui.AboutController;
import io.github.slidestream.qupath.ui.FineTuneController;
import io.github.slidestream.qupath.ui.InstallController;
import io.github.slidestream.qupath.ui.PretrainController;
import io.github.slidestream.qupath.ui.ReviewController;
import io.github.slidestream.qupath.ui.SegmentController;
import io.github.slidestream.qupath.ui.Settings;
import io.github.slidestream.qupath.ui.Strings;
import io.github.slidestream.qupath.ui.Windows;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import javafx.beans.property.IntegerProperty;
import javafx.beans.property.Property;
import javafx.beans.property.StringProperty;
import javafx.scene.Parent;
import javafx.scene.control.Menu;
import javafx.scene.control.MenuItem;
import javafx.stage.Stage;
import qupath.fx.prefs.controlsfx.PropertyItemBuilder;
import qupath.lib.common.Version;
import qupath.lib.gui.QuPathGUI;
import qupath.lib.gui.extensions.QuPathExtension;
import qupath.lib.gui.prefs.PathPrefs;

/** The entries in QuPath's menu. Nothing native is loaded before a dialog is opened. */
public final class SlidestreamExtension implements QuPathExtension {
    private final ExecutorService background = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "slidestream");
        thread.setDaemon(true);
        return thread;
    });
    private final Map<String, Stage> windows = new HashMap<>();
    private QuPathGUI qupath;
    private QuPathWorkbench workbench;
    private Settings settings;
    private SegmentController segment;

    @Override
    public void installExtension(QuPathGUI gui) {
        if (qupath != null) {
            return;
        }
        qupath = gui;
        settings = new Settings(new Preferences());
        Menu menu = gui.getMenu("Extensions>" + Strings.get("name"), true);
        add(menu, "segment", this::segment);
        add(menu, "finetune", () -> {
            FineTuneController dialog = new FineTuneController(workbench(), Engines::get, settings, background, this::made);
            return new Dialog(dialog.load(), dialog::reload);
        });
        add(menu, "pretrain", () -> {
            PretrainController dialog = new PretrainController(workbench(), Engines::get, settings, background);
            return new Dialog(dialog.load(), dialog::reload);
        });
        add(menu, "review", () -> {
            ReviewController dialog = new ReviewController(workbench(), settings);
            return new Dialog(dialog.load(), dialog::refresh);
        });
        if (Engines.setup() != null) {
            add(menu, "install", () -> {
                InstallController dialog = new InstallController(Engines.setup(), Engines::get, background, () -> Engines.use(null));
                return new Dialog(dialog.load(), dialog::reload);
            });
        }
        add(menu, "about", () -> {
            AboutController dialog = new AboutController(SlidestreamExtension::describe, background);
            return new Dialog(dialog.load(), dialog::reload);
        });
        preference(settings.modelFolder, "modelFolder", PropertyItemBuilder.PropertyType.DIRECTORY);
        preference(settings.runFolder, "runFolder", PropertyItemBuilder.PropertyType.DIRECTORY);
        preference(settings.program, "program", PropertyItemBuilder.PropertyType.GENERAL);
        settings.program.addListener((any, before, now) -> name(now));
        name(settings.program.get());
    }

    /** A dialog's content, and what it does when its window is opened again. */
    private record Dialog(Parent content, Runnable again) {}

    private void add(Menu menu, String name, Supplier<Dialog> content) {
        MenuItem item = new MenuItem(Strings.get("menu." + name));
        item.setOnAction(event -> open(name, content));
        menu.getItems().add(item);
    }

    private QuPathWorkbench workbench() {
        if (workbench == null) {
            workbench = new QuPathWorkbench(qupath);
        }
        return workbench;
    }

    private Dialog segment() {
        segment = new SegmentController(workbench(), Engines::get, settings, background);
        return new Dialog(segment.load(), segment::reload);
    }

    private void made(String model) {
        if (segment != null) {
            segment.choose(model);
        }
    }

    private void open(String name, Supplier<Dialog> content) {
        Stage stage = windows.get(name);
        if (stage == null) {
            Dialog dialog = content.get();
            Stage made = Windows.make(Strings.get(name + ".title"), dialog.content(), qupath.getStage());
            made.setOnHidden(event -> made.setOnShown(shown -> dialog.again().run()));
            windows.put(name, made);
            stage = made;
        }
        stage.show();
        stage.toFront();
    }

    private static String describe() {
        String version = SlidestreamExtension.class.getPackage().getImplementationVersion();
        String head = Strings.get("name") + " " + version + "\n";
        try {
            return head + Engines.get().describe();
        } catch (EngineException error) {
            return head + error.getMessage();
        }
    }

    private static void name(String program) {
        Engines.program(program == null || program.isBlank() ? null : Path.of(program.strip()));
    }

    private void preference(StringProperty property, String key, PropertyItemBuilder.PropertyType type) {
        qupath.getPreferencePane().getPropertySheet().getItems().add(
                new PropertyItemBuilder<>((Property<String>) property, String.class)
                        .propertyType(type)
                        .name(Strings.get("prefs." + key))
                        .description(Strings.get("prefs." + key + ".about"))
                        .category(Strings.get("name"))
                        .build());
    }

    @Override
    public String getName() {
        return Strings.get("name");
    }

    @Override
    public String getDescription() {
        return Strings.get("description");
    }

    @Override
    public Version getQuPathVersion() {
        return Version.parse("v0.6.0");
    }

    /** QuPath's preferences. */
    private static final class Preferences implements Settings.Store {
        @Override
        public StringProperty text(String key, String value) {
            return PathPrefs.createPersistentPreference(key, value);
        }

        @Override
        public IntegerProperty number(String key, int value) {
            return PathPrefs.createPersistentPreference(key, value);
        }
    }
}

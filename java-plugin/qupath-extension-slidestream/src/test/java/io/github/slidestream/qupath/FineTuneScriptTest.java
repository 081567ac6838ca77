package io.github.slidestream.qupath;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import groovy.lang.Binding;
import groovy.lang.GroovyShell;
import io.github.slidestream.qupath.core.OpenImage.Labelled;
import io.github.slidestream.qupath.engine.Engines;
import io.github.slidestream.qupath.engine.ModelCard;
import io.github.slidestream.qupath.train.Annotated;
import io.github.slidestream.qupath.train.FineTuneScript;
import io.github.slidestream.qupath.train.Folders;
import io.github.slidestream.qupath.train.Labels;
import io.github.slidestream.qupath.train.ObjectClass;
import io.github.slidestream.qupath.train.Packages;
import io.github.slidestream.qupath.train.TrainSettings;
import io.github.slidestream.qupath.train.TrainStart;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The workflow's line of a fine-tuning, run by the Groovy that QuPath 0.6 carries. */
class FineTuneScriptTest {
    private static final TrainStart START = new TrainStart("he-nuclei", Path.of("/m/he-nuclei"), Path.of("/m/he-nuclei/model.toml"), false);
    private static final TrainStart PRETRAINED =
            new TrainStart("mine (pre-trained on slides)", Path.of("/r/mine"), Path.of("/r/mine/config.toml"), true);
    private static final ToIntFunction<String> COLORS = name -> name.length();

    @TempDir Path folder;

    @AfterEach
    void forget() {
        Engines.use(null);
    }

    private static Object groovy(String script, Object... variables) {
        Binding binding = new Binding();
        for (int i = 0; i < variables.length; i += 2) {
            binding.setVariable((String) variables[i], variables[i + 1]);
        }
        return new GroovyShell(binding).evaluate(script);
    }

    private static FineTune built(TrainSettings settings) {
        return (FineTune) groovy(FineTuneScript.line(settings, true).replaceFirst("\\s*\\.run\\(\\)$", ""));
    }

    @Test
    void theLineSaysAgainWhatWasDone() {
        TrainSettings plain = new TrainSettings("lab-2", START, "Region*", List.of(new ObjectClass("Tumor: it's", 11)), "Tumor",
                Labels.INSTANCES, new TrainSettings.Epochs(20), "auto", 0, null, Folders.MODELS, Folders.RUNS);
        assertEquals(plain, built(plain).settings(START, COLORS));
        TrainSettings full = new TrainSettings("lab-3", PRETRAINED, "Field", List.of(new ObjectClass("Tumor", 5), new ObjectClass("Stroma", 6)),
                "Tumor", Labels.CLASSES, new TrainSettings.Minutes(12.5), "cuda:0", 3, null, Path.of("/m x"), Path.of("/r"));
        assertEquals(full, built(full).settings(PRETRAINED, COLORS));
        assertTrue(FineTuneScript.line(full, true).contains(".from('/r/mine')"), "a pre-training is named by its folder");
        assertTrue(FineTuneScript.line(full, true).contains(".project(true)"));
    }

    @Test
    void theLineRunsAsItStands() throws Exception {
        FakeEngine engine = new FakeEngine();
        Path base = Files.createDirectories(folder.resolve("base"));
        Files.writeString(base.resolve("model.toml"), Packages.MODEL);
        ModelCard card = engine.models.get(0);
        engine.models.set(0, new ModelCard(card.id(), "he-nuclei", card.title(), true, 0.5, card.card(), base));
        Engines.use(engine);
        FakeImage image = new FakeImage();
        image.labelled.add(new Labelled("Region*", FakeImage.box(0, 0, 300, 300), 0, 0));
        image.labelled.add(new Labelled("Region*", FakeImage.box(400, 0, 300, 300), 0, 0));
        image.labelled.add(new Labelled("Tumor", FakeImage.box(50, 50, 40, 40), 0, 0));
        TrainSettings settings = new TrainSettings("lab-2", START, "Region*", List.of(new ObjectClass("Tumor", 5)), "Nucleus",
                Labels.INSTANCES, new TrainSettings.Epochs(2), "cpu", 1, null, folder.resolve("models"), folder.resolve("runs"));
        String script = FineTuneScript.line(settings, false).replace(".run()", ".run(images, colors)");
        Object made = groovy(script, "images", List.of(new Annotated(image)), "colors", COLORS);
        assertEquals(folder.resolve("models").resolve("lab-2"), made);
        assertTrue(Files.readString(engine.trainings.get(0).configuration()).contains("object = \"Nucleus\""));
    }

    @Test
    void whatIsMissingEndsTheScriptWithItsName() {
        for (String[] one : new String[][] {
            {"", "from("}, {".from('x')", "classes("}, {".from('x').classes('a')", "name("},
            {".from('x').classes('a').name('n')", "epochs("}, {".from('x').classes('a').name('n').epochs(0)", "epochs("},
            {".labels('boxes')", "instances, binary or classes"}}) {
            String script = "io.github.slidestream.qupath.FineTune.builder()" + one[0] + ".build()";
            String message = assertThrows(IllegalArgumentException.class, () -> groovy(script)).getMessage();
            assertTrue(message.contains(one[1]), message);
        }
    }
}

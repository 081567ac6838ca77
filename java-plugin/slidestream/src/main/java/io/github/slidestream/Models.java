package io.github.slidestream;

import java.util.List;

/** The model packages that can be named. */
public final class Models {
    private Models() {}

    /**
     * A model package.
     *
     * @param name for {@link Model#load(String)}
     * @param title what it finds, in one sentence; for an unsound package why it cannot be used
     * @param usable is it sound?
     * @param micronsPerPixel the resolution at which it looks, micrometres per pixel; 0 for an unsound package
     * @param card its model card, Markdown: data, figures, limits; may be empty
     */
    public record KnownModel(String name, String title, boolean usable, double micronsPerPixel, String card) {}

    /**
     * Every package in the folders of {@code SLIDESTREAM_MODELS}, in {@code models} beside or above the engine's program, and in
     * {@code ~/.local/share/slidestream/models}.
     *
     * @return sorted by name
     * @throws EngineException if the engine does not start or dies
     */
    public static List<KnownModel> list() {
        return list(Engine.shared());
    }

    /**
     * As {@link #list()}, for an engine of its own.
     *
     * @param engine the engine
     * @return sorted by name
     * @throws EngineException if the engine does not start or dies
     */
    public static List<KnownModel> list(Engine engine) {
        return Json.list(Jobs.ask(engine, "models").get("models")).stream()
                .map(Json::object)
                .map(one -> new KnownModel(
                        one.get("name").toString(),
                        one.get("title").toString(),
                        (Boolean) one.get("usable"),
                        Json.number(one.get("mpp")),
                        one.get("card").toString()))
                .toList();
    }
}

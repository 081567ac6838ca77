package io.github.slidestream;

import java.util.List;

/** What can compute. */
public final class Devices {
    private Devices() {}

    /**
     * A device that there is or could be.
     *
     * @param name as options name it: {@code cpu}, {@code cuda:0}; {@code cuda} if there is none
     * @param available can it be used?
     * @param reason the precision that {@code auto} takes there and why, or why it cannot be used
     */
    public record Device(String name, boolean available, String reason) {}

    /**
     * Every device, the one that {@code auto} takes first.
     *
     * @return at least the CPU
     * @throws EngineException if the engine does not start or dies
     */
    public static List<Device> list() {
        return list(Engine.shared());
    }

    /**
     * As {@link #list()}, for an engine of its own.
     *
     * @param engine the engine
     * @return at least the CPU
     * @throws EngineException if the engine does not start or dies
     */
    public static List<Device> list(Engine engine) {
        List<Object> devices = Json.list(Jobs.ask(engine, "devices").get("devices"));
        return devices.stream()
                .map(Json::object)
                .map(one -> new Device(one.get("name").toString(), (Boolean) one.get("available"), one.get("reason").toString()))
                .toList();
    }
}

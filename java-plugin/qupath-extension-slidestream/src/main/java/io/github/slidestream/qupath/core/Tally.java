package io.github.slidestream.qupath.core;

import io.github.slidestream.qupath.engine.LoadedModel;
import java.util.ArrayList;
import java.util.List;

/** What a target's objects add up to, class by class. */
public final class Tally {
    private final LoadedModel model;
    private final long[] count;
    private final double[] area;
    private final double[] score;

    /** @param model whose classes are counted */
    public Tally(LoadedModel model) {
        this.model = model;
        this.count = new long[model.classes().size()];
        this.area = new double[count.length];
        this.score = new double[count.length];
    }

    /**
     * A number of a target.
     *
     * @param name as in QuPath's table
     * @param value of the name's unit
     */
    public record Number(String name, double value) {}

    /**
     * @param model a model's name
     * @return how the names of its numbers begin
     */
    public static String prefix(String model) {
        return model + ": ";
    }

    /** @param object one more */
    public void add(FoundObject object) {
        count[object.classIndex()]++;
        area[object.classIndex()] += object.area();
        score[object.classIndex()] += object.score();
    }

    /**
     * The numbers.
     *
     * @param targetArea of the target in square pixels
     * @param micronsPerPixel of the image, the root of the pixel's area
     * @return count, objects per square millimetre, area, share of the target and mean probability of each class
     */
    public List<Number> numbers(double targetArea, double micronsPerPixel) {
        double square = micronsPerPixel * micronsPerPixel;
        List<Number> numbers = new ArrayList<>();
        for (int i = 0; i < count.length; i++) {
            if (!model.classes().get(i).reported()) {
                continue;
            }
            String name = prefix(model.name()) + model.classes().get(i).name();
            numbers.add(new Number(name + " count", count[i]));
            numbers.add(new Number(name + " per mm^2", count[i] / (targetArea * square / 1e6)));
            numbers.add(new Number(name + " area µm^2", area[i] * square));
            numbers.add(new Number(name + " area %", 100 * area[i] / targetArea));
            if (count[i] > 0) {
                numbers.add(new Number(name + " mean probability", score[i] / count[i]));
            }
        }
        return numbers;
    }
}

package qupath.fx.prefs.controlsfx;

import javafx.beans.property.Property;
import org.controlsfx.control.PropertySheet;

/** Signatures only. */
public class PropertyItemBuilder<T> {
    public PropertyItemBuilder(Property<T> property, Class<? extends T> type) {
        throw new AssertionError();
    }

    public PropertyItemBuilder<T> propertyType(PropertyType type) {
        throw new AssertionError();
    }

    public PropertyItemBuilder<T> name(String name) {
        throw new AssertionError();
    }

    public PropertyItemBuilder<T> description(String description) {
        throw new AssertionError();
    }

    public PropertyItemBuilder<T> category(String category) {
        throw new AssertionError();
    }

    public PropertySheet.Item build() {
        throw new AssertionError();
    }

    /** Signatures only. */
    public enum PropertyType {
        /** By the type. */
        GENERAL,
        /** A folder. */
        DIRECTORY
    }
}

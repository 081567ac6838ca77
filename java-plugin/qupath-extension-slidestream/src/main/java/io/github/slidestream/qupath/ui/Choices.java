package io.github.slidestream.qupath.ui;

import java.util.function.Function;
import java.util.function.Predicate;
import javafx.scene.control.ComboBox;
import javafx.scene.control.ListCell;

/** Lists to choose from. */
final class Choices {
    private Choices() {}

    /** Texts for the values; those that cannot be used are grey and say so, but can be chosen, to read why. */
    static <T> void render(ComboBox<T> box, Function<T, String> text, Predicate<T> usable) {
        box.setCellFactory(list -> cell(text, usable));
        box.setButtonCell(cell(text, usable));
    }

    private static <T> ListCell<T> cell(Function<T, String> text, Predicate<T> usable) {
        return new ListCell<>() {
            @Override
            protected void updateItem(T item, boolean empty) {
                super.updateItem(item, empty);
                setText(empty || item == null ? null : text.apply(item));
                getStyleClass().remove("unusable");
                if (!empty && item != null && !usable.test(item)) {
                    getStyleClass().add("unusable");
                }
            }

            @Override
            public String toString() {
                return getText() == null ? "" : getText();
            }
        };
    }

    /** Shows a list as it is and keeps what was chosen, or takes the first that fits, or the first. */
    static <T> void fill(ComboBox<T> box, java.util.List<T> values, Predicate<T> wanted) {
        T chosen = box.getValue();
        box.getItems().setAll(values);
        T next = chosen != null && values.contains(chosen)
                ? chosen
                : values.stream().filter(wanted).findFirst().orElse(values.isEmpty() ? null : values.get(0));
        box.setValue(next);
    }

}

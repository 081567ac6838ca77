package io.github.slidestream.qupath.ui;

import io.github.slidestream.qupath.engine.ModelCard;
import java.util.ArrayList;
import java.util.List;
import javafx.scene.Scene;
import javafx.scene.control.Label;
import javafx.scene.control.ScrollPane;
import javafx.scene.input.KeyCode;
import javafx.scene.layout.GridPane;
import javafx.scene.layout.VBox;
import javafx.stage.Stage;
import javafx.stage.Window;

/** A model card: the Markdown that slidestream writes, which is headings, paragraphs, lists and tables. */
final class CardView {
    private CardView() {}

    static void show(ModelCard model, Window owner) {
        Stage stage = new Stage();
        stage.initOwner(owner);
        stage.setTitle(model.name());
        ScrollPane scroll = new ScrollPane(render(model.card()));
        scroll.setFitToWidth(true);
        scroll.getStyleClass().add("slidestream");
        scroll.getStylesheets().add(CardView.class.getResource("slidestream.css").toExternalForm());
        Scene scene = new Scene(scroll, 640, 560);
        scene.setOnKeyPressed(key -> {
            if (key.getCode() == KeyCode.ESCAPE) {
                stage.close();
            }
        });
        stage.setScene(scene);
        stage.show();
    }

    static VBox render(String markdown) {
        VBox box = new VBox();
        box.getStyleClass().addAll("content", "card");
        List<String> paragraph = new ArrayList<>();
        List<String[]> table = new ArrayList<>();
        for (String line : (markdown + "\n\n").split("\n", -1)) {
            String text = line.strip();
            if (text.startsWith("|")) {
                flush(box, paragraph);
                if (!text.matches("[|:\\-\\s]+")) {
                    table.add(cells(text));
                } else if (table.size() == 1 && String.join("", table.get(0)).isBlank()) {
                    table.clear(); // a table without a head
                }
                continue;
            }
            if (!table.isEmpty()) {
                box.getChildren().add(grid(table));
                table.clear();
            }
            if (text.startsWith("#")) {
                flush(box, paragraph);
                box.getChildren().add(label(text.replaceFirst("^#+\\s*", ""), text.startsWith("##") ? "heading" : "title"));
            } else if (text.startsWith("- ")) {
                flush(box, paragraph);
                box.getChildren().add(label("•  " + plain(text.substring(2)), "item"));
            } else if (text.isEmpty()) {
                flush(box, paragraph);
            } else {
                paragraph.add(text);
            }
        }
        return box;
    }

    private static void flush(VBox box, List<String> paragraph) {
        if (!paragraph.isEmpty()) {
            box.getChildren().add(label(plain(String.join(" ", paragraph)), "paragraph"));
            paragraph.clear();
        }
    }

    private static String[] cells(String row) {
        return row.substring(1, row.endsWith("|") ? row.length() - 1 : row.length()).split("\\|", -1);
    }

    private static GridPane grid(List<String[]> rows) {
        GridPane grid = new GridPane();
        grid.getStyleClass().add("table");
        for (int r = 0; r < rows.size(); r++) {
            for (int c = 0; c < rows.get(r).length; c++) {
                grid.add(label(plain(rows.get(r)[c].strip()), "cell"), c, r);
            }
        }
        return grid;
    }

    /** Without the marks for code and emphasis. */
    private static String plain(String text) {
        return text.replaceAll("`([^`]*)`", "$1").replaceAll("\\*\\*([^*]*)\\*\\*", "$1");
    }

    private static Label label(String text, String style) {
        Label label = new Label(text);
        label.setWrapText(true);
        label.getStyleClass().add(style);
        return label;
    }

}

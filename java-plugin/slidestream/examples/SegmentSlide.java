import io.github.slidestream.CancelToken;
import io.github.slidestream.GeoJson;
import io.github.slidestream.Model;
import io.github.slidestream.ObjectBatch;
import io.github.slidestream.Progress;
import io.github.slidestream.RunListener;
import io.github.slidestream.Segmentation;
import io.github.slidestream.SegmentationResult;
import io.github.slidestream.Slide;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Segments one slide and writes GeoJSON: {@code java SegmentSlide SLIDE MODEL OUT.geojson [MICRONS_PER_PIXEL]}. */
public final class SegmentSlide {
    private SegmentSlide() {}

    public static void main(String[] arguments) throws Exception {
        try (Slide slide = Slide.open(Path.of(arguments[0])); Model model = Model.load(arguments[1])) {
            Segmentation.Builder options = Segmentation.builder().model(model);
            if (arguments.length > 3) {
                options.micronsPerPixel(Double.parseDouble(arguments[3]));
            }
            List<ObjectBatch> batches = new ArrayList<>();
            SegmentationResult result = options.build().run(slide, new RunListener() {
                @Override
                public void progress(Progress now) {
                    System.err.printf("%d of %d tiles, %.0f s left%n", now.done(), now.total(), now.secondsLeft());
                }

                @Override
                public void objects(ObjectBatch batch) {
                    batches.add(batch);
                }
            }, new CancelToken());
            try (Writer out = Files.newBufferedWriter(Path.of(arguments[2]))) {
                GeoJson.write(batches, model, out);
            }
            System.out.println(result.objectCount() + " objects on " + model.device());
        }
    }
}

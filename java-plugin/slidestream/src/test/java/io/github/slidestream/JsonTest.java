package io.github.slidestream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void valuesComeBackAsTheyWereWritten() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("path \"é\\\n\u0001", "C:\\slides\\\uD83D\uDE00.svs");
        map.put("list", List.of(1.0, -2.5e-7, true, List.of(), Map.of()));
        map.put("nothing", null);
        assertEquals(map, Json.parse(Json.write(map)));
        assertEquals("[[1,2.5],9007199254740993]", Json.write(List.of(new double[] {1, 2.5}, 9007199254740993L)));
    }

    @Test
    void whatIsNoJsonIsRefusedWithItsPlace() {
        for (String odd : new String[] {"", "{", "[1,]", "{\"a\" 1}", "\"open", "nul", "1 2", "{\"a\":1,}", "--"}) {
            assertThrows(IllegalArgumentException.class, () -> Json.parse(odd), odd);
        }
        assertThrows(OptionException.class, () -> Json.write(Double.NaN));
    }
}

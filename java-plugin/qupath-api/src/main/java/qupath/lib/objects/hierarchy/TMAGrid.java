package qupath.lib.objects.hierarchy;

import java.util.List;
import qupath.lib.objects.TMACoreObject;

/** Signatures only. */
public interface TMAGrid {
    List<TMACoreObject> getTMACoreList();
}

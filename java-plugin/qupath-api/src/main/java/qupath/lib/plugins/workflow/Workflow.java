package qupath.lib.plugins.workflow;

/** Signatures only. */
public class Workflow {
    private Workflow() {
        throw new AssertionError();
    }

    public void addStep(WorkflowStep step) {
        throw new AssertionError();
    }
}

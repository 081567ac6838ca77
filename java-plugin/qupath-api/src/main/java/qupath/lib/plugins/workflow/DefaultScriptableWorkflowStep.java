package qupath.lib.plugins.workflow;

/** Signatures only. */
public class DefaultScriptableWorkflowStep implements WorkflowStep {
    public DefaultScriptableWorkflowStep(String name, String script) {
        throw new AssertionError();
    }
}

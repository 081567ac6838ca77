package qupath.lib.plugins.workflow;

/** Signatures only. */
public interface WorkflowStep {

}

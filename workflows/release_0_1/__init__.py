"""The set's workflow as release 0.1 had it, kept for one release: sets that began under it go on here, then move on.

Nothing here is changed but `scale_set.ScaleSetWorkflow.move_on`: histories that such sets have written must replay. A
set that is told to move on continues as new under the workflow of today (`workflows.sets.scale_set`). When no release
older than 0.2 is upgraded from any more, this folder goes, with `ApplyCapacity` and its activity.
"""

"""Programs that run inside the jobs of other systems, one file a system; `grader package` makes what starts them.

Each grades one submission where that system puts it and writes what that system reads. A fault of the grader ends one
with an exit code other than 0 and leaves no score behind.
"""

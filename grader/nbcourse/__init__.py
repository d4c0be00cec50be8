"""A course in nbgrader: its notebooks, and what stands in nbgrader's list of preprocessors instead of execution.

`nbgrader autograde` converts a submission twice. The first time, `exporter` reads the file, whatever it is, and
`restore` puts nbgrader's own cells back as they were released. The second time, `sandboxed` grades the file that was
handed in through the grader's sandbox and writes each score as the output of the question's test cell, nbgrader saves
these, and `comments` says why. Student code never runs in a kernel. Only `layout` and `source` need no nbgrader.
"""

"""The frontier of expressiveness and tractability as an experiment: seven kinds of model, two data sets, one budget.

`models/` is all that trains: it imports torch and itself alone, so that it can be sent into a sandbox as text, beside
a student's functions. `runs.py` says what is to be done and what is already there, `job.py` does one piece of it in a
process of its own, `summary.py` makes one document of the results, and `report.py` a page.
"""

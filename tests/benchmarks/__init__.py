"""How fast the grader is: one benchmark a file, run by `make bench`.

A benchmark is a module of this folder with a `measure(quick)` that returns figures; there is no list to add it to.
A figure that misses its target is shown, never an error: seconds depend on the machine and on what else it does.
"""

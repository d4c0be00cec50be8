"""The grader: runs checks on students' code in confined workers and writes score reports."""

__version__ = "0.1.0"

"""All of the grader's code that a sandbox holds: it imports the standard library, torch, numpy, msgspec and itself."""

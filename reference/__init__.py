"""The hidden references: one folder an assignment, one file a question. Never shipped, never readable by a worker."""

"""Says to pytest what the mark of the public tests means."""


def pytest_configure(config):
    config.addinivalue_line("markers", "question(id): the question that a test belongs to")

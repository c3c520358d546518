import pytest

from tests.web import Server


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()

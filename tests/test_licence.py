"""What whoever uses the project may: its licence, and those of pretrained weights."""

import tomllib

import pytest

from tests.code import ROOT
from vision.networks.architectures import ARCHITECTURES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_licence_is_there_in_full():
    text = (ROOT / "LICENSE").read_text()
    assert text.split("\n", 2)[0].strip() == "Apache License"
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["license"] == "Apache-2.0"


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_the_notice_says_where_each_network_s_weights_come_from(network):
    _, _, table = (ROOT / "NOTICE").read_text().partition("network (backbone.name)")
    assert network in table.replace(",", " ").split()


def test_the_changelog_begins_with_this_version():
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    ]
    assert headings[0].split()[1] == PROJECT["version"]

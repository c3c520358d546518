"""Chromium, for tests that look at pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed here")


@contextmanager
def chromium() -> Iterator:
    """Start Chromium, or skip the test where what drives it is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # Its sandbox needs what containers often don't give; the pages are our own.
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()

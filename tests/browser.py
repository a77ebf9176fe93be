"""A real browser without a window, where Debian's ``chromium`` and ``chromium-driver`` are installed."""

import shutil

import pytest

from parts import missing


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Selenium; shared, so every test opens its own page."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        missing("chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    yield chromium
    chromium.quit()

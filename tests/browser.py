"""A real browser without a window, where Debian's ``chromium`` and ``chromium-driver`` are installed."""

import shutil

import pytest


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Selenium; shared, so every test opens its own page."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no page is looked at: install chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    yield chromium
    chromium.quit()

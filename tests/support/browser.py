"""A real browser without a window, where Debian's ``chromium`` and ``chromium-driver`` are installed."""

import shutil

import pytest

from azure_server import npm
from parts import cached, missing

AXE = "axe-core@4.14.1"


@pytest.fixture
def browser(chromium):
    """A browser that has nothing to say yet of the test's pages."""
    chromium.get_log("browser")
    return chromium


@pytest.fixture(scope="session")
def chromium():
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
    running = webdriver.Chrome(options=options, service=Service(driver))
    yield running
    running.quit()


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core, which checks a page by the rules of WCAG."""
    folder = cached(
        AXE.replace("@", "-"),
        f"{AXE} (npm install)",
        lambda into: [*npm(), "install", "--prefix", str(into), "--no-audit", "--no-fund", "--ignore-scripts", AXE],
    )
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


_AXE_RUN = """
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
axe.run(document, { runOnly: tags, resultTypes: ["violations"] }).then(
  (result) => done([
    result.passes.map((rule) => rule.id),
    result.violations.map((rule) => [
      rule.id, rule.nodes.map((node) => [node.html.slice(0, 200), node.failureSummary]),
    ]),
  ]),
  (error) => done([[], [String(error)]]),
);
"""


def accessibility(opened, axe):
    """The rules of WCAG 2.2 AA that the page follows, and those that it breaks, with the elements."""
    opened.execute_script(axe)
    return opened.execute_async_script(_AXE_RUN)


_LOOK = r"""
const cut = [...document.querySelectorAll("h1, h2, h3, p, bdi, figcaption, td, th, dd, li, label, button, .none")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
  .map((e) => e.outerHTML.slice(0, 80));
const boxes = [...document.querySelectorAll(".card, .lines > li > p, button")];
const overlap = boxes.flatMap((one, i) => boxes.slice(i + 1)
  .filter((other) => !one.contains(other))
  .map((other) => [one.getBoundingClientRect(), other.getBoundingClientRect()])
  .filter(([a, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
  .map(([a, b]) => [a.x, a.y, b.x, b.y]));
const light = (color) => {
  const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  const paper = getComputedStyle(e).backgroundColor;
  return paper === "rgba(0, 0, 0, 0)" ? behind(e.parentElement) : paper;
};
const words = "p, h1, h2, h3, a, dt, dd, label, legend, strong, button:enabled, figcaption, .none, td, th, summary, " +
  ".chip span, output";
const contrast = [...document.querySelectorAll(words)].map((e) => {
  const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
});
return [document.documentElement.scrollWidth, cut, overlap, contrast];
"""
"""Gives the page's width, what is cut, which boxes overlap, and the contrast of every text with what is behind it."""


def look_at(opened, *, width, scheme):
    """The page at that width, in light or dark: how wide it is, what is cut, what overlaps, and every contrast."""
    set_view(opened, width=width, scheme=scheme)
    return opened.execute_script(_LOOK)


def set_view(opened, *, width, scheme):
    """Give the window that width, and light or dark colors."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

"""The widgets in JupyterLab, in a real browser: a slider is moved and the picture changes."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
CELLS = {
    "block_chooser": "widgets.block_chooser(grid, 50.0, table, 100)",
    "patch_browser": "widgets.patch_browser(lr, hr, 50.0)",
    "turn_and_zoom": "widgets.turn_and_zoom(hr[7], 50.0)",
    "blender": "widgets.blender((lr[7], hr[7]), (lr[9], hr[9]), 50.0, 200.0)",
    "threshold": "slope = terrain.mean_slope_gradient(lr, 200.0); widgets.threshold(slope, 1.5 * slope)",
}
SETUP = """
from bathysr_nb import grids, pairs, terrain
from bathysr_nb.course import widgets
grid = grids.seafloor((200, 300), province="ridge")
lr, hr, table = pairs.build_pairs(grid, 50.0)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server over a folder with one notebook a widget; gives its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name, call in CELLS.items():
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=[new_code_cell(SETUP + call)], metadata=kernel), folder / f"{name}.ipynb")
    port, token = 18888 + os.getpid() % 1000, "browser"
    options = [
        f"--port={port}",
        "--port-retries=0",
        "--no-browser",
        "--allow-root",
        f"--IdentityProvider.token={token}",
    ]
    command = [sys.executable, "-m", "jupyter", "lab", *options, f"--notebook-dir={folder}"]
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(f"http://localhost:{port}/api?token={token}", folder / "server.log")
        yield lambda name: f"http://localhost:{port}/lab/tree/{name}.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address, log):
    for _ in range(120):
        try:
            return urllib.request.urlopen(address, timeout=5)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not answer: {log.read_text()[-500:]}")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian's package chromium)")
@pytest.mark.parametrize("name", CELLS)
def test_moving_a_slider_draws_anew(lab, name, tmp_path):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(lab(name))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_timeout(2000)
        page.click(".jp-Notebook .jp-CodeCell .jp-InputArea-editor")
        page.keyboard.press("Shift+Enter")
        picture = page.locator(".jp-OutputArea img").first
        picture.wait_for(timeout=90_000)
        handle = page.locator(".widget-slider .noUi-handle").first
        handle.wait_for(timeout=30_000)
        before = picture.get_attribute("src")
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "src => document.querySelector('.jp-OutputArea img').src !== src", arg=before, timeout=30_000
        )
        assert page.locator(".jp-OutputArea img").count() == 1
        page.screenshot(path=tmp_path / f"{name}.png")
        if keep := os.environ.get("BATHYSR_SCREENSHOTS"):
            shutil.copy(tmp_path / f"{name}.png", keep)
        browser.close()

"""A headless Chromium for the tests of pages: what it logs, what it asks for, what it looks like."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,900"
)


def until(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something comes to be so while one waits."""
    end = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


class Browser:
    """Chromium with one page open."""

    def __init__(self, folder: Path) -> None:
        programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
        for name, found in programs.items():
            if found is None:
                pytest.skip(f"{name} is not installed; on Debian: apt-get install chromium chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = str(programs["chromium"])
        for word in [*QUIET.split(), f"--user-data-dir={folder / 'profile'}"]:
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(programs["chromedriver"]))
        self.downloads = folder / "downloads"
        told = {"behavior": "allow", "downloadPath": str(self.downloads)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", told)

    def open(self, file: Path, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """A page from a file, as somebody sees it who has not seen it before."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.prefer(scheme)
        self.driver.get_log("performance")
        self.driver.get(file.as_uri())
        self.script("localStorage.clear()")
        self.driver.refresh()

    def thread_seconds(self, file: Path) -> float:
        """Processor time of the page's thread until a page answers: what its clock says depends on who else is busy."""
        self.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        self.driver.get(file.as_uri())
        told = self.driver.execute_cdp_cmd("Performance.getMetrics", {})
        return float(next(metric["value"] for metric in told["metrics"] if metric["name"] == "TaskDuration"))

    def prefer(self, scheme: str) -> None:
        """Light or dark, as the system would ask for it."""
        told = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in told.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")  # it is told

    def script(self, text: str, *given: Any) -> Any:
        return self.driver.execute_script(text, *given)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of what is shown."""
        return [one.text for one in self.all(selector) if one.is_displayed()]

    def complaints(self) -> list[str]:
        """What the page logged: errors of its script, what its policy forbade."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What the page asked for since it was opened, but for itself and what it holds."""
        told = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith("data:") and url != self.driver.current_url]

    def faults(self, rules: str) -> list[str]:
        """What axe-core finds that keeps people out, with the elements."""
        if not self.script("return 'axe' in window"):
            self.script(rules)
        found = self.driver.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
        return [
            f"{fault['id']}: {node['html'][:200]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

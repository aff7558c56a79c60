"""The page in a real browser: it opens from a file, asks for nothing, follows its links, and passes axe-core.

Skipped where there is no playwright or no Chromium (CHROMIUM names one that is not on the path).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from sample_document import ATTACKS, sample, spoken

from analysis import html

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

Scheme = Literal["light", "dark"]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium: none of {', '.join(NAMES)}, and CHROMIUM unset")

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
CELL = "cell-long-range-dependencies-cnn"
WIDTHS = pytest.mark.parametrize("width", [1280, 390])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
PAGES = pytest.mark.parametrize("name", ["sample", "hostile", "published"])
PUBLISHED = Path(__file__).resolve().parent.parent / "reports/published/amd-epyc-2-cores/quick/report.html"
OPEN_ALL = "document.querySelectorAll('details').forEach(box => { box.open = true; })"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages that hold everything, written once, and the one that is committed."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copy(PUBLISHED, folder / "published.html")
    for name, document in (("sample", sample()), ("hostile", spoken(*ATTACKS))):
        (folder / f"{name}.html").write_text(html.render(document), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, address: str, width: int = 1280, scheme: Scheme = "light") -> Iterator[Page]:
    """A page that must end without a message on its console, a dialog, or a request beyond its own file."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []

    def dialog(shown: Dialog) -> None:
        faults.append(f"dialog: {shown.message}")
        shown.dismiss()

    def request(asked: Request) -> None:
        if not asked.url.startswith(("file:", "data:")):
            faults.append(f"asked for {asked.url}")

    page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", dialog)
    page.on("request", request)
    page.goto(address)
    yield page
    context.close()
    assert faults == []


@PAGES
@WIDTHS
@SCHEMES
def test_quiet_narrow_enough_and_without_violations(
    browser: Browser, folder: Path, name: str, width: int, scheme: Scheme
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    if name == "published" and (width == 1280) != (scheme == "light"):
        pytest.skip("two settings of four: a page of two megabytes takes half a minute in each")
    with opened(browser, (folder / f"{name}.html").as_uri(), width, scheme) as page:
        for state in ("closed", "open"):
            if state == "open":
                page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, state
            found = axe.Axe().run(page, options=RULES)
            assert found.violations_count == 0, f"{state}: {found.generate_report()}"


def test_the_checker_would_see_a_fault(browser: Browser, folder: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with opened(browser, (folder / "sample.html").as_uri()) as page:
        page.evaluate("document.documentElement.removeAttribute('lang')")
        page.evaluate("document.documentElement.style.setProperty('--soft', '#aaaaaa')")
        page.evaluate("document.querySelector('.card svg').removeAttribute('aria-labelledby')")
        page.evaluate("document.querySelectorAll('.card title, .card desc').forEach(text => text.remove())")
        found = {violation["id"] for violation in axe.Axe().run(page, options=RULES).response["violations"]}
    assert {"html-has-lang", "color-contrast", "svg-img-alt"} <= found


@WIDTHS
def test_a_cell_of_the_table_opens_its_fold(browser: Browser, folder: Path, width: int) -> None:
    with opened(browser, (folder / "sample.html").as_uri(), width) as page:
        fold, link = page.locator(f"#{CELL}"), page.locator(f"a[href='#{CELL}']")
        assert fold.get_attribute("open") is None
        link.click()
        for _ in range(2):
            sync_api.expect(fold).to_have_attribute("open", "")
            sync_api.expect(fold.locator("summary").first).to_be_in_viewport()
            sync_api.expect(fold.get_by_text("May be Moderate")).to_be_visible()
            # Shut by hand, the same link opens it again, from the keyboard.
            fold.locator("summary").first.click()
            sync_api.expect(fold).not_to_have_attribute("open", "")
            link.focus()
            page.keyboard.press("Enter")
        page.go_back()


def test_the_published_page_leads_from_every_cell_to_its_evidence(browser: Browser, folder: Path) -> None:
    with opened(browser, (folder / "published.html").as_uri()) as page:
        targets = [link.get_attribute("href") for link in page.locator("main table a").all()]
        assert len(targets) == 21
        for target in targets[::5]:
            page.locator(f"main table a[href='{target}']").click()
            sync_api.expect(page.locator(str(target))).to_have_attribute("open", "")
            sync_api.expect(page.locator(f"{target} svg").first).to_be_visible()


def test_an_address_with_a_cell_in_it_opens_that_cell(browser: Browser, folder: Path) -> None:
    with opened(browser, f"{(folder / 'sample.html').as_uri()}#{CELL}") as page:
        sync_api.expect(page.locator(f"#{CELL}")).to_have_attribute("open", "")
        sync_api.expect(page.locator(f"#{CELL} summary").first).to_be_in_viewport()
        assert page.locator("details.fold[open]").count() == 1


def test_the_first_key_leads_past_the_navigation(browser: Browser, folder: Path) -> None:
    with opened(browser, (folder / "sample.html").as_uri()) as page:
        page.keyboard.press("Tab")
        sync_api.expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.tagName") == "MAIN"


def test_a_wide_table_scrolls_by_itself_and_from_the_keyboard(browser: Browser, folder: Path) -> None:
    with opened(browser, (folder / "sample.html").as_uri(), 390) as page:
        region = page.locator("main > .scroll").first
        assert region.evaluate("box => box.scrollWidth > box.clientWidth")
        region.focus()
        page.keyboard.press("ArrowRight")
        sync_api.expect(region).not_to_have_js_property("scrollLeft", 0)


def test_a_picture_is_drawn_and_named(browser: Browser, folder: Path) -> None:
    with opened(browser, (folder / "sample.html").as_uri()) as page:
        picture = page.get_by_role("img", name="Solved share against lag").first
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(624, abs=1)
        assert box["height"] == pytest.approx(624 * 230.4 / 468, abs=2)
        # Letters stand elsewhere on the page, once for all pictures: each must still have its size here.
        sizes = picture.evaluate("svg => [...svg.querySelectorAll('use')].map(use => use.getBBox().width)")
        assert sum(size > 1 for size in sizes) > 0.9 * len(sizes) > 50  # a space has no width


def test_on_paper_folds_are_open_and_the_scheme_is_light(browser: Browser, folder: Path) -> None:
    with opened(browser, (folder / "sample.html").as_uri(), scheme="dark") as page:
        inside = page.locator(f"#{CELL} .inside p").first
        assert not inside.is_visible()
        page.emulate_media(media="print", color_scheme="dark")
        assert inside.evaluate("text => text.checkVisibility({ contentVisibilityAuto: true })")
        assert inside.evaluate("text => text.getBoundingClientRect().height") > 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.pdf().startswith(b"%PDF")


def test_a_download_arrives_whole(browser: Browser, folder: Path, tmp_path: Path) -> None:
    with opened(browser, (folder / "sample.html").as_uri()) as page:
        with page.expect_download() as arriving:
            page.get_by_text("All measurements").click()
        assert arriving.value.suggested_filename == "measurements.csv"
        arriving.value.save_as(tmp_path / "got.csv")
    assert (tmp_path / "got.csv").read_bytes() == b"metric,value\nloss,0.5\n" * 90

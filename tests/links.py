"""Links of a folder of web pages, and addresses that need a public home."""

import configparser
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

HOMES = ("pyproject.toml", "CITATION.cff", "settings.ini")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        for name in ("src", "data") + (("href",) if tag == "link" else ()):
            if found.get(name) and found.get("rel") not in ("canonical", "next", "prev"):
                self.loads.append(found[name])


def read_page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken(site: Path) -> list[str]:
    """Links and files that a page of `site` names and that are not there, and what a page would
    load from a network, one line each."""
    pages = {path: read_page(path) for path in sorted(site.rglob("*.html"))}
    return [line for path in pages for line in _broken(site, path, pages)]


def _broken(site: Path, path: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    where = path.relative_to(site).as_posix()
    for link in dict.fromkeys(pages[path].loads):
        if urlsplit(link).scheme in ("http", "https") or link.startswith("//"):
            yield f"{where}: would load {link}"
    for link in dict.fromkeys([*pages[path].links, *pages[path].loads]):
        parts = urlsplit(link)
        if parts.scheme or link.startswith("//"):
            continue
        to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not to.exists():
            yield f"{where}: {link}"
        elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids:
            yield f"{where}: {link} (no such place on the page)"


def needing_a_home(root: Path) -> list[str]:
    "Lines that name an address of the project, while settings.ini's `home` is empty."
    settings = configparser.ConfigParser()
    settings.read(root / "settings.ini")
    if settings["DEFAULT"].get("home"):
        return []
    own = re.compile(r"https?://(?:github\.com/synthheart|synthheart\.github\.io)")
    return [
        f"{name}: {line.strip()}"
        for name in HOMES
        for line in (root / name).read_text(encoding="utf-8").splitlines()
        if own.search(line)
    ]

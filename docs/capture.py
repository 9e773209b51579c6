"""Takes the two pictures of the README from a real rehearsal: docs/images/rehearsal.svg and docs/images/report.png.

    python docs/capture.py          rehearses dev, then writes both; give it a quiet machine

Rule 1: what the pictures show is what the command printed and wrote; nothing is typed in.
Rule 2: only a run that ships is shown; a busy machine's run says nothing about the release, and the older pictures stay.
Rule 3: the terminal's picture ends before the cost, where one screen ends; the report's picture is its first screen.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[1]
RUNS: Final = ROOT / ".sandtable" / "runs"
IMAGES: Final = ROOT / "docs" / "images"
COLUMNS: Final = 104
COMMAND: Final = ("sandtable", "rehearse", "dev")

#: A moving line: drawn, then left by moving up and erasing; and what is erased within one line.
_MOVED: Final = re.compile(r"[^\n]*\n\r?\x1b\[1A\x1b\[2K")
_ERASED: Final = re.compile(r"[^\n]*\x1b\[2K")
_CURSOR: Final = re.compile(r"\x1b\[\?25[lh]|\r")


def main() -> int:
    """Rehearse, and write the pictures where the run may be shown; return 0 where it was."""
    before = set(RUNS.glob("*"))
    environment = os.environ | {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", *COMMAND]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    printed = still(done.stdout.decode("utf-8"))
    print(Text.from_ansi(printed).plain)
    made = [run for run in set(RUNS.glob("*")) - before if (run / "report.html").is_file()]
    if len(made) != 1:
        print(f"{len(made)} reports were made; there must be one to take a picture of", file=sys.stderr)
        return 1
    if reasons := unfit(json.loads((made[0] / "rehearsal.json").read_text(encoding="utf-8"))):
        print("no picture is taken of this run:", *reasons, sep="\n  ", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    photograph(made[0] / "report.html", IMAGES / "report.png")
    (IMAGES / "rehearsal.svg").write_text(terminal(printed), encoding="utf-8")
    return 0


def unfit(document: dict[str, Any]) -> list[str]:
    """Return why the README must not show this rehearsal; empty where it may."""
    reasons = [f"the measurement does not count: {text}" for text in document["load"]["invalid"]]
    if document["measured"] is None:
        reasons.append("nothing was measured")
    if document["verdict"] != "ship":
        reasons += [f"the verdict is {document['verdict']}", *(reason["text"] for reason in document["reasons"])]
    return list(dict.fromkeys(reasons))


def still(output: str) -> str:
    """Return what remains on a terminal after ``output``: without moving lines and without what was erased."""
    while (shorter := _MOVED.sub("", output)) != output:
        output = shorter
    return _CURSOR.sub("", _ERASED.sub("", output))


def terminal(printed: str) -> str:
    """Return the first screen of ``printed`` as an SVG that needs no font from anywhere."""
    first_screen = re.split(r"\n(?:\x1b\[[\d;]*m)*COST", printed)[0]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(f"\x1b[1m$ {' '.join(COMMAND)}\x1b[0m\n{first_screen.rstrip()}"), soft_wrap=True)
    picture = console.export_svg(title=" ".join(COMMAND), unique_id="rehearsal")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = picture.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace")
    return re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE)


def photograph(page: Path, picture: Path) -> None:
    """Write the first screen of ``page``, as Chromium shows it, to ``picture``."""
    subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,1150",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    sys.exit(main())

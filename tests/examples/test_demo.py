"""`make demo`, on a small load, as somebody would run it."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
DEMO: Final = [sys.executable, "-m", "examples.demo", "--operations", "120", "--waiting-seconds", "8"]
CLOSING: Final = re.compile(
    r"demo: sent=(\d+) recorded=(\d+) duplicate=(\d+) rejected=(\d+) parked=(\d+) published=(\d+) "
    r"usd=0\.00000000 eaml=0\.00000000 verify=ok"
)


def test_the_demo_ends_in_numbers_that_agree() -> None:
    """Exit status 0 and the line: every message has a fate, and what was decided was published."""
    done = subprocess.run(
        DEMO, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=170, check=False
    )
    shown = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, shown
    closing = CLOSING.fullmatch(done.stdout.splitlines()[-1])
    assert closing is not None, shown
    sent, recorded, duplicate, rejected, parked, published = map(int, closing.groups())
    assert sent == recorded + duplicate + rejected + parked
    assert published == recorded + rejected
    assert min(recorded, duplicate, rejected, parked) > 0
    assert not _directory(done.stdout).exists()


def test_an_interrupted_demo_leaves_nothing_behind() -> None:
    """Ctrl-C in the middle: everything is stopped and the directory is gone."""
    with subprocess.Popen(
        DEMO, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            heard = ""
            for line in demo.stdout:
                heard += line
                if "the morning" in line:
                    demo.send_signal(signal.SIGINT)
                    break
            out, error = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 130, heard + out + error
    assert error.splitlines()[-1] == "demo: interrupted; everything was stopped"
    directory = _directory(heard)
    assert not directory.exists()
    assert not _processes_that_name(str(directory))


def _directory(shown: str) -> Path:
    found = re.search(r"everything is in (\S+)", shown)
    assert found is not None, shown
    return Path(found[1])


def _processes_that_name(text: str) -> list[str]:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has just ended
    return [line for line in lines if text in line]

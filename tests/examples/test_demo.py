"""`make demo` with a small load."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
DEMO: Final = [sys.executable, "-m", "examples.demo", "--operations", "120"]
CLOSING: Final = re.compile(
    r"demo: sent=(\d+) recorded=(\d+) duplicate=(\d+) rejected=(\d+) parked=(\d+) published=(\d+) "
    r"usd=0\.00000000 eaml=0\.00000000 verify=ok"
)


def test_the_numbers_of_the_demo_agree() -> None:
    """Every message has a status, and every decided one was published."""
    done = subprocess.run(
        DEMO, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False
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


def test_an_interrupted_demo_leaves_nothing() -> None:
    """After Ctrl-C everything is stopped and the directory is deleted."""
    with subprocess.Popen(
        DEMO, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            assert demo.stdout is not None
            output = ""
            for line in demo.stdout:
                output += line
                if "the morning" in line:
                    demo.send_signal(signal.SIGINT)
                    break
            out, error = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 130, output + out + error
    assert error.splitlines()[-1] == "demo: interrupted; everything was stopped"
    directory = _directory(output)
    assert not directory.exists()
    assert not _processes_that_name(str(directory))


def _directory(output: str) -> Path:
    found = re.search(r"everything is in (\S+)", output)
    assert found is not None, output
    return Path(found[1])


def _processes_that_name(text: str) -> list[str]:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has just ended
    return [line for line in lines if text in line]

"""The measured figures as a table: medians, their spread, and ratios to the limit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.crew import Span, rate

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- measured -->", "<!-- /measured -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case: what its rounds came to, and what was wanted of it."""

    name: str
    figures: Sequence[float]
    unit: str = "operations/s"
    latencies: Sequence[float] = ()
    wanted: str = ""
    against: str | None = None
    """Another case whose median this one is a multiple of; None: the limit."""

    @property
    def median(self) -> float:
        return median(self.figures)

    def formatted(self, figure: float) -> str:
        """A figure in as many digits as say something."""
        return f"{figure:,.0f}" if self.unit.endswith("/s") else f"{figure:,.2f}"


@dataclass(slots=True)
class Results:
    """All cases of a run, printed as they come."""

    rounds: int
    cases: dict[str, Result] = field(default_factory=dict)

    def measure(self, name: str, run: Callable[[int], Sequence[Span]], **more: str) -> Result:
        """Run a case so many times (`run` gets the number of the round), and keep its rates."""
        rounds = [run(number) for number in range(self.rounds)]
        latencies = [each for spans in rounds for span in spans for each in span.latencies]
        result = Result(
            name=name,
            figures=[rate(spans) for spans in rounds],
            latencies=latencies,
            unit=more.get("unit", "operations") + "/s",
            wanted=more.get("wanted", ""),
            against=more.get("against"),
        )
        self.note(result)
        return result

    def note(self, result: Result) -> None:
        """Keep what came out, and say it."""
        self.cases[result.name] = result
        print(" | ".join(self.row(result)), flush=True)

    def row(self, result: Result) -> list[str]:
        """Name, rate, spread, ratio, latency, aim."""
        least, most = result.formatted(min(result.figures)), result.formatted(max(result.figures))
        return [
            result.name,
            f"{result.formatted(result.median)} {result.unit}",
            f"{least} to {most}",
            self._ratio(result),
            _percentiles(result.latencies),
            result.wanted,
        ]

    def table(self) -> list[str]:
        """The table in Markdown."""
        head = ["case", "median", "rounds", "ratio", "latency", "aim"]
        return [
            *(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head))),
            *(f"| {' | '.join(self.row(result))} |" for result in self.cases.values()),
        ]

    def _ratio(self, result: Result) -> str:
        base = self.cases.get(result.against or "limit, 1 worker")
        if base is None or base is result or (result.unit != base.unit and result.against is None):
            return ""
        of = "of the limit" if result.against is None else f"× {result.against}"
        return f"{result.median / base.median:.2f} {of}"


def _percentiles(latencies: Sequence[float]) -> str:
    if not latencies:
        return ""
    ordered = sorted(latencies)
    half, most = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    return f"p50 {half:.1f} ms, p99 {most:.1f} ms"


def write_page(results: Results, facts: Mapping[str, str], command: str) -> None:
    """Put a run's results between the marks of `docs/benchmarks.md`."""
    text = PAGE.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    lines = [
        _BEGIN,
        "",
        f"Made by `{command}`, medians of {results.rounds}.",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        *results.table(),
        "",
        _END,
    ]
    PAGE.write_text(before + "\n".join(lines) + after)

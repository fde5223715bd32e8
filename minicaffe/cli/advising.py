"""What ``minicaffe check`` says beyond errors: findings and notes, and the fixes that it writes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import GraphError, ProtoError, plural
from .results import Results

if TYPE_CHECKING:
    from ..analysis.advice import Finding

_ROUNDS = 20
"""Times that a file is judged again after a fix: each fixes every layer once."""

_ERRORS = {"layer-type": "unknown layer type", "bn-lr": "lr_mult"}
"""Rules on what is an error in any case, and words that the error has."""


class Advice:
    """The texts of a net or a solver, what rules find in them, and what was changed."""

    def __init__(self, paths: Collection[str], ignore: Collection[str]):
        self.paths, self.ignore = list(paths), ignore
        self.before: dict[str, str] = {}
        self.fixed: list[Any] = []
        self.findings: list[Any] = []

    def sources(self) -> dict[str, Any]:
        """The texts as they are now, by their paths."""
        from ..analysis.advice import source_of

        found = {path: source_of(path) for path in self.paths}
        return {path: source for path, source in found.items() if source is not None}

    def fix(self, findings: Sequence[Finding]) -> bool:
        """Write the fixes of ``findings``; whether there were any."""
        from ..analysis.advice import fixed, write

        found = False
        for path, source in self.sources().items():
            text, done = fixed(source, findings)
            if text != source.text:
                self.before.setdefault(path, source.text)
                write(path, text)
                self.fixed += done
                found = True
        return found

    def settle(self, judge: Callable[[], list[Any]], fixing: bool) -> None:
        """Judge, and if ``fixing``, fix and judge again until nothing is left that has a fix."""
        from ..analysis.advice import of_texts

        for _ in range(_ROUNDS if fixing else 1):
            if fixing and self.fix(of_texts(self.sources(), self.ignore)):
                continue
            self.findings = judge()
            if not (fixing and self.fix(self.findings)):
                return

    def hinted(self, error: GraphError | ProtoError) -> GraphError | ProtoError:
        """The error, which says beside each problem what --fix would do about it."""
        from ..analysis.advice import of_texts

        try:
            fixable = [finding for finding in of_texts(self.sources(), self.ignore) if finding.rule in _ERRORS]
        except ProtoError:  # the text itself is wrong
            return error
        problems = list(getattr(error, "problems", (str(error),)))
        for finding in fixable:
            for i, problem in enumerate(problems):
                words = (f'layer "{finding.layer}"', _ERRORS[finding.rule])
                if finding.fix and problem.startswith(f"{finding.path}:") and all(word in problem for word in words):
                    problems[i] = f"{problem} (--fix {finding.fix.words})"
                    break
        return GraphError(problems) if isinstance(error, GraphError) else ProtoError(problems[0])

    def show_refused(self, results: Results, error: GraphError | ProtoError) -> None:
        """Records of what is wrong with a net that cannot be built: each problem, and what rules find in its text."""
        from ..analysis.advice import of_texts

        for problem in getattr(error, "problems", (str(error),)):
            results.record("error", problem=problem)
        try:
            found = of_texts(self.sources(), self.ignore)
        except ProtoError:  # the text itself is wrong
            return
        for finding in found:
            level = "error" if finding.rule in _ERRORS else finding.level
            results.record("finding", **{**as_record(finding), "level": level})

    def differences(self) -> Iterator[str]:
        """What was changed, as diff shows it."""
        now = self.sources()
        for path, old in self.before.items():
            before, after = old.splitlines(), now[path].text.splitlines()
            yield from difflib.unified_diff(before, after, path, f"{path} (fixed)", lineterm="")

    def show_fixes(self, results: Results) -> None:
        """The changes, and what they were for."""
        for finding in self.fixed:
            results.record("fix", rule=finding.rule, place=finding.place, layer=finding.layer, fix=finding.fix.words)
        if self.before:
            results.text([*self.differences(), ""])
            results.text([*(f"fixed {_head(one)}: {one.fix.words} [{one.rule}]" for one in self.fixed), ""])

    def show(self, results: Results) -> None:
        """Findings and notes for people; findings as records."""
        explained: set[tuple[str, str]] = set()
        for finding in self.findings:
            if finding.level == "warning":
                results.record("finding", **as_record(finding))
            results.text(_lines(finding, (finding.rule, finding.why) not in explained))
            explained.add((finding.rule, finding.why))
        results.text([""] * bool(self.findings))

    @property
    def warnings(self) -> list[Any]:
        return [finding for finding in self.findings if finding.level == "warning"]

    @property
    def notes(self) -> list[Any]:
        return [finding for finding in self.findings if finding.level != "warning"]


def closing(path: str, count: int) -> str:
    """The last line."""
    return f"{path}: no error, {plural(count, 'warning')}" if count else f"{path}: no error"


def as_record(finding: Finding) -> dict[str, Any]:
    """A finding as JSON has it; the changes of its fix by line."""
    names = ("rule", "level", "path", "line", "column", "layer", "found", "why", "todo")
    facts = {name: getattr(finding, name) for name in names}
    fix = finding.fix and {"words": finding.fix.words, "edits": [edit._asdict() for edit in finding.fix.edits]}
    return {**facts, "line": finding.line or None, "column": finding.column or None, "fix": fix}


def show_rules(results: Results) -> int:
    """Every rule and its sentence."""
    from ..analysis.advice import RULES

    for rule in RULES:
        results.record("rule", name=rule.name, level=rule.level, sentence=rule.sentence, fixes=rule.fixes)
        results.text([f"{rule.name} ({rule.level}{', --fix' * rule.fixes})", f"  {rule.sentence}"])
    results.close(f"{len(RULES)} rules", rules=len(RULES))
    return 0


def _head(finding: Finding) -> str:
    return f'{finding.place}: layer "{finding.layer}"' if finding.layer else finding.place


def _lines(finding: Finding, whole: bool) -> Iterator[str]:
    """What was found; the reason and the remedy only where they have not just been told."""
    yield f"{finding.level}: {_head(finding)}: {finding.found} [{finding.rule}]"
    if whole:
        yield f"  {finding.why}."
        yield f"  {finding.todo[:1].upper()}{finding.todo[1:]}.{f' (--fix {finding.fix.words})' if finding.fix else ''}"

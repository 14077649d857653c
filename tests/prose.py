"""A checker of prose: how documentation, help, messages and docstrings must read, and how easily pages do.

    python -m tests.prose

prints each place that breaks a rule, and the reading ease of the pages that newcomers read first.
"""

import ast
import re
import sys
from typing import NamedTuple

from storage.settings import Settings, setting_fields
from tests.structure import ROOT, files

LONGEST = 40  # words of a sentence
EASIEST = {"README.md": 55.0, "docs/report.md": 55.0}  # the least reading ease of a page
# What no text may match, and what to write instead.
BANNED = {
    r"\b(?:was|is|are|be|been|were) told\b": "say who does what: the report says, the table names",
    r"\bmend(?:s|ed|ing)?\b": "repair, correct or restore",
    r"\bas much\b(?! (?:as|of|again|time|memory|space))": "name the quantity",
    r"\bat a word\b": "say how",
    r"\blook whether\b": "verify that",
    r"\bpassed over\b": "skipped",
    r"\b(?:whence|thereof|herein|henceforth|albeit)\b": "a usual word",
    r"\bcolour|\bneighbour|\bgrey\b|\bcentre[sd]?\b|\bcentring\b|\banalys(?:e[sd]?|ing)\b|\bbehaviour|\bfavour"
    r"|\b(?:normal|general|organ|optim|minim|recogn|initial|summar|parallel|serial)is(?:e[sd]?|ing|ation)\b": (
        "American spelling: color, neighbor, center, analyze, normalize"
    ),
    r"\b(?:un|re)?label(?:ed|ing)\b|\bcanceled\b": "labelled, cancelled: the spelling of the settings",
}
WHO = re.compile(r"(?:Who|Whoever|Whose)\b[^?]*$")
WHAT = re.compile(r"(?:What|Whatever)\b[^?]*$")
CODE = "CODE"  # stands for code within a sentence


class Text(NamedTuple):
    """A piece of text: where it is, and whether it is a paragraph of sentences rather than a title or a cell."""

    place: str
    text: str
    running: bool = True


def faults(piece):
    """Sentences on what is wrong with a piece of text."""
    for pattern, better in BANNED.items():
        for match in re.finditer(pattern, piece.text, re.IGNORECASE):
            yield f"{piece.place}: {match[0]!r}: {better}"
    for sentence in sentences(piece.text):
        if WHO.match(sentence) or (piece.running and WHAT.match(sentence)):
            yield f"{piece.place}: {sentence[:50]!r}: begin with the subject, not with a clause"
        if piece.running and (count := len(sentence.split())) > LONGEST:
            yield f"{piece.place}: {sentence[:50]!r}: {count} words; two sentences say it"


def sentences(text):
    """The sentences of a text."""
    found = re.split(r"(?<=[.!?])[)\"”]?\s+(?=[A-Z0-9\"“(`'*\[]|docs/|deploy/|$)", " ".join(text.split()))
    return [sentence for sentence in found if sentence]


def of_markdown(text, place="text"):
    """The pieces of a page; code is left out, and code within a sentence is one word."""
    paragraph, number = [], 0

    def ended():
        if paragraph:
            title, text = re.fullmatch(r"(\*\*[^*]+[.:?]\*\*)?\s*(.*)", " ".join(paragraph)).groups("")
            yield from (
                Text(f"{place}:{number - len(paragraph)}", plain(each), each is text) for each in (title, text) if each
            )
            paragraph.clear()

    fenced = False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        stripped = line.strip()
        if stripped.startswith("```"):
            fenced = not fenced
        if fenced or stripped.startswith("```") or (line.startswith("    ") and not paragraph):
            continue
        if stripped.startswith(("#", "|", "![")):
            yield from ended()
            cells = stripped.strip("|").split("|") if stripped.startswith("|") else [stripped.strip("#! ")]
            spoken = [plain(cell) for cell in cells if " " in cell.strip()]  # others are names, as of columns
            yield from (Text(f"{place}:{number}", cell, running=False) for cell in spoken)
        elif not stripped or re.match(r"([-*]|\d+\.) ", stripped):
            yield from ended()
            if stripped:
                paragraph.append(re.sub(r"^([-*]|\d+\.) ", "", stripped))
        else:
            paragraph.append(stripped)
    yield from ended()


def plain(text):
    """Text of Markdown without code, addresses and marks."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"``?[^`]+``?|--[a-z][a-z-]+", CODE, text)
    return re.sub(r"[*_]{1,2}(\S[^*]*?\S?)[*_]{1,2}", r"\1", text)


def of_python(source, place="code"):
    """The docstrings of public modules, classes and functions, and all other texts of three words and more."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if _public(node) and (text := ast.get_docstring(node)):
            yield from of_docstring(text, f"{place}:{getattr(node, 'lineno', 1)}")
    yield from (piece for piece in _strings(tree, place) if len(re.findall(r"[A-Za-z]{2,}", piece.text)) >= 3)


def _public(node):
    """Whether a node is a module, or a class or function whose name does not begin with an underscore."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return isinstance(node, kinds) and not getattr(node, "name", "").startswith("_")


def _strings(node, place):
    """The texts of a piece of code without its docstrings, each with CODE for what is computed."""
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else CODE for part in node.values)
        yield _spoken(f"{place}:{node.lineno}", "".join(map(str, parts)))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _spoken(f"{place}:{node.lineno}", node.value)
    else:
        for child in ast.iter_child_nodes(node):
            if not _docstring(child):
                yield from _strings(child, place)


def _spoken(place, text):
    """A text of the program: sentences if it ends like one, or else a title, a cell, or a part of a sentence."""
    return Text(place, plain(text), running=text.rstrip().endswith((".", "!", "?")))


def _docstring(node):
    """Whether a node is an expression that is nothing but a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def of_docstring(text, place):
    """The paragraphs of a docstring, without names of parameters, rules under titles and code."""
    lines = text.splitlines()
    kept = []
    for line in lines:
        named = re.fullmatch(r" *[\w*]+(, [\w*]+)*( : .*)?", line) or re.fullmatch(r" *-+", line)
        kept.append("" if named or line.startswith("    >>>") else line)
    for paragraph in re.split(r"\n\s*\n", "\n".join(kept)):
        if paragraph.strip() and not paragraph.startswith("        "):
            yield Text(place, plain(" ".join(paragraph.split())), running="." in paragraph and "\n" in paragraph)


def pages():
    """The pages of documentation."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def everything():
    """Every piece of text that users and developers read."""
    for page in pages():
        yield from of_markdown(page.read_text(), page.relative_to(ROOT).as_posix())
    for path in files(ROOT):
        yield from of_python(path.read_text(), path.relative_to(ROOT).as_posix())
    for group, name, field in setting_fields():
        yield Text(f"setting {group}.{name}", plain(field.description or ""))
    for name, field in Settings.model_fields.items():
        yield Text(f"settings {name}", field.title or name, running=False)


def reading_ease(text):
    """The Flesch reading ease of a page of Markdown, without code, tables and titles.

    It is 206.835 - 1.015 words a sentence - 84.6 syllables a word: Flesch, A new readability yardstick, Journal of
    Applied Psychology 32 (1948). From 60 it is plain English. Code within a sentence does not count.
    """
    running = [piece.text for piece in of_markdown(text) if piece.running]
    words = [word for each in running for word in re.findall(r"[A-Za-z][A-Za-z'-]*", each) if word != CODE]
    count = sum(len(sentences(each)) for each in running)
    return 206.835 - 1.015 * len(words) / count - 84.6 * sum(map(syllables, words)) / len(words)


def syllables(word):
    """The syllables of an English word, by its groups of vowels."""
    lower = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", lower))
    silent = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$|[^aeiouysxzcg]es$", lower) is not None
    return max(1, groups - silent)


if __name__ == "__main__":
    wrong = [fault for piece in everything() for fault in faults(piece)]
    eases = (f"{page}: reading ease {reading_ease((ROOT / page).read_text()):.1f}" for page in EASIEST)
    print("\n".join([*wrong, *eases]))  # noqa: T201
    sys.exit(bool(wrong))

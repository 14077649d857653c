"""Count the structure of the code: `python -m tests.structure [FOLDER]`.

A file's arrows lead to the files that it imports, in functions and for type checkers too. A room is a folder inside a
package; a file that lies in the package itself is a room of its own, and the package `eigenwave` is one. The number
of floors is the length of the longest chain of imports. A circle is a set of files that import each other.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("eigenwave", "flows", "tasks", "storage")


def modules(root):
    """The path of each module of the packages in a folder, by dotted name, at any depth; not those without code."""
    found = {}
    for path in files(root):
        names = path.relative_to(root).with_suffix("").parts
        if names[-1] != "__init__":
            found[".".join(names)] = path
        elif len(ast.parse(path.read_text(encoding="utf-8")).body) > 1:  # more than a charter
            found[".".join(names[:-1])] = path
    return found


def files(root):
    """Every Python file of the packages in a folder."""
    return [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]


def imports(path):
    """Every name that a file imports, in full: `from a import b` gives a and a.b, which may be a module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path} has a relative import; write the whole name")
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            found |= {word.value for word in node.args[:1] if isinstance(word, ast.Constant)}
    return found


def arrows(root):
    """The modules that each module imports, among those of the packages."""
    known = modules(root)
    return {name: (imports(path) & known.keys()) - {name} for name, path in known.items()}


def room(name):
    """The room that a module is in."""
    names = name.split(".")
    return names[0] if names[0] == "eigenwave" else ".".join(names[:2])


def between_rooms(graph):
    """The rooms that each room imports."""
    rooms = {room(name): set() for name in graph}
    for name, others in graph.items():
        rooms[room(name)] |= {room(other) for other in others} - {room(name)}
    return rooms


def circles(graph):
    """The sets of nodes that reach each other."""

    def reached(start):
        seen, left = set(), [start]
        while left:
            new = graph[left.pop()] - seen
            seen |= new
            left.extend(new)
        return seen

    reach = {node: reached(node) for node in graph}
    return {frozenset(other for other in reach[node] if node in reach[other]) for node in graph if node in reach[node]}


def floors(graph):
    """The number of nodes on the longest way along arrows, or None where there are circles."""
    left, count = dict(graph), 0
    while left:
        free = {node for node, others in left.items() if not others & left.keys()}
        if not free:
            return None
        left, count = {node: others for node, others in left.items() if node not in free}, count + 1
    return count


def counted(root):
    """The lines that the command prints."""
    graph = arrows(root)
    rooms = between_rooms(graph)
    for what, nodes in (("files", graph), ("rooms", rooms)):
        total = sum(map(len, nodes.values()))
        yield f"{what}: {len(nodes)} on {floors(nodes)} floors, {total} arrows, {len(circles(nodes))} circles"


if __name__ == "__main__":
    print("\n".join(counted(Path(sys.argv[1]) if sys.argv[1:] else ROOT)))  # noqa: T201

"""The interfaces of stores, with the types that zope.interface does not keep."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

from cookietrack_plugin import interfaces


def contract(_: Path) -> str:
    """Each interface as a class, in reStructuredText."""
    source = ast.parse(inspect.getsource(interfaces))
    kinds = [node for node in source.body if isinstance(node, ast.ClassDef)]
    module = ".. py:module:: cookietrack_plugin.interfaces"
    text = [module, _prose(source), *(line for kind in kinds for line in _interface(kind))]
    return "```{eval-rst}\n" + "\n\n".join(text) + "\n```"


def _interface(node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f".. py:class:: {node.name}\n   :no-typesetting:"
    yield f"{node.name}\n{'-' * len(node.name)}"
    if bases != "Interface":
        yield f"It has all of `{bases}`."
    yield _prose(node)
    for member in node.body:
        if isinstance(member, ast.FunctionDef):
            yield _method(member, node.name)
        elif isinstance(member, ast.AnnAssign):
            yield _attribute(member, node.name)


def _method(node: ast.FunctionDef, owner: str) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{node.name}({ast.unparse(node.args)}){returns}".replace("'", "")
    return f".. py:method:: {owner}.{signature}\n\n{_indented(_prose(node))}"


def _attribute(node: ast.AnnAssign, owner: str) -> str:
    [text] = getattr(node.value, "args", [])
    head = f".. py:attribute:: {owner}.{ast.unparse(node.target)}\n"
    return f"{head}   :type: {ast.unparse(node.annotation)}\n\n{_indented(ast.literal_eval(text))}"


def _prose(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return ast.get_docstring(node) or ""


def _indented(text: str) -> str:
    return textwrap.indent(text, "   ")

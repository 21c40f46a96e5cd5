"""Pages of HTML that are one file: no network, no script from elsewhere, nothing that a text could run."""

from __future__ import annotations

import html
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..codes import RULES
from ..findings import ERROR, INFO
from ..safely import safe
from ..shell import command_line
from .grouped import summary
from .screen import KINDS, repair_lines, verdict
from .text import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..engine.diagnosis import Diagnosis
    from ..findings import Finding
    from ..fleet.tally import Tally

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
)


def escape(text: str) -> str:
    """Return a text of others as a page may hold it; its lines stay lines."""
    return html.escape("\n".join(map(safe, text.split("\n"))))


def _data(name: str) -> str:
    return (Path(__file__).with_name("data") / name).read_text(encoding="utf-8")


def _page(title: str, body: Iterable[str], script: str) -> str:
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{escape(title)}</title><style>{_data('page.css')}</style></head><body>",
            *body,
            f'<p class="dim">Written by conda-tf-doctor {__version__}.</p>',
            f"<script>{_data(script)}</script></body></html>",
            "",
        )
    )


def _table(head: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    table = f'<table class="{kind}"><thead><tr>{titles}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def of_fleet(tally: Tally) -> str:
    """Return the page about many reports.

    Args:
        tally: What was counted.
    """
    states = (
        ("error", "with errors"),
        ("unread", "not readable"),
        ("warning", "with warnings"),
        ("ok", "OK"),
        ("none", "no TensorFlow"),
    )
    cards = "".join(f'<div><b class="{s}">{tally.states[s]:,}</b>{words}</div>' for s, words in states)
    causes = [entry for entry in tally.ordered() if entry[1]]
    most = max((count for *_, count in causes), default=1)
    body = ["<h1>TensorFlow on these machines</h1>", f'<p class="dim">{escape(summary(tally, "reports"))}</p>']
    body += [f'<div class="cards"><div><b>{tally.total:,}</b>reports</div>{cards}</div>']
    body += ["<label for=filter>Filter by host, cause, version, platform</label>", '<input id="filter" type="search">']
    rows = []
    for state, code, count in causes:
        places = tally.places[state, code]
        cut = len(places) == tally.PLACES
        more = "<p>and more: the results have all of them</p>" if cut else ""
        named = f"{len(places):,} host{'s' * (len(places) != 1)}{' and more' * cut}"
        hosts = f"<details><summary>{named}</summary>{', '.join(map(escape, places))}{more}</details>"
        rows.append(
            f'<tr data-row="cause"><td class="{state}">{state}</td><td>{_link(code, tally.names[code])}</td>'
            f'<td class="n">{count:,}</td><td class="of">'
            f'<span class="bar" style="width:{100 * count / most:.1f}%"></span></td><td>{hosts}</td></tr>'
        )
    body += ["<h2>Causes</h2>", _table(("State", "First cause", "Reports", "", "Hosts"), rows)]
    body += ["<h2>TensorFlow and cause</h2>", _heat(tally)]
    rows = [
        '<tr data-row="report">'
        + "".join(
            f"<td{kind}>{escape(cell)}</td>"
            for kind, cell in (
                ("", row["host"]),
                (f' class="{row["state"]}"', row["state"]),
                ("", " ".join((row["code"], row["name"]))),
                ("", " ".join((row["distribution"], row["tensorflow"]))),
                ("", row["platform"]),
                ("", row["message"]),
            )
        )
        + "</tr>"
        for row in tally.rows
    ]
    wrong = tally.states["error"] + tally.states["unread"] + tally.states["warning"]
    of = f" of {wrong:,}: the results have all of them" if wrong > len(rows) else ""
    body += [
        '<h2 id="reports">Reports with something wrong</h2>'
        f'<p class="dim">{len(rows):,}{of}; <span id="shown"></span></p>'
    ]
    body.append(_table(("Host", "State", "First cause", "TensorFlow", "Platform", "What"), rows))
    return _page("TensorFlow on these machines", body, "filter.js")


def _link(code: str, name: str) -> str:
    return f'<a href="#reports" data-filter="{escape(code)}"><b>{escape(code)}</b> {escape(name)}</a>'


def _heat(tally: Tally) -> str:
    totals: dict[str, int] = {}
    for (_, code), count in tally.versions.items():
        totals[code] = totals.get(code, 0) + count
    codes = sorted(totals, key=lambda code: -totals[code])
    most = max(tally.versions.values(), default=1)
    rows = []
    for version in tally.releases():
        cells = ""
        for code in codes:
            count = tally.versions[version, code]
            shade = f' style="background:rgba(var(--heat),{0.08 + 0.5 * count / most:.2f})"' if count else ""
            cells += f"<td{shade}>{f'{count:,}' if count else ''}</td>"
        rows.append(
            f'<tr><th><a href="#reports" data-filter="{escape(version)}">{escape(version)}</a></th>{cells}</tr>'
        )
    return _table(("TensorFlow", *codes), rows, "heat")


def of_one(diagnosis: Diagnosis, tree: Iterable[str], masked: Callable[[str], str]) -> str:
    """Return the page about one environment, to be sent to somebody who helps.

    Args:
        diagnosis: What was found.
        tree: The ways in the tree of what is loaded that lead to something wrong.
        masked: What takes user names, home folders and secrets out of a text.
    """

    def text(words: str) -> str:
        return escape(masked(words))

    env, tensorflow = diagnosis.env, diagnosis.tensorflow
    shown = [finding for finding in diagnosis.findings if finding.severity != INFO]
    notes = [finding for finding in diagnosis.findings if finding.severity == INFO]
    facts = {
        KINDS[env.kind]: env.path,
        "Platform": env.platform,
        "Python": f"{env.python.version or 'unknown'}{f', {env.python.bits}-bit' if env.python.bits else ''}",
        "TensorFlow": " ".join(filter(None, (tensorflow.name, tensorflow.version, tensorflow.build)))
        if tensorflow
        else "none",
        "From": " from ".join(filter(None, (tensorflow.manager, tensorflow.channel))) if tensorflow else "",
        "System": env.system.os,
        "CPU": env.system.cpu_model or env.system.machine,
        "GPU": ", driver ".join(filter(None, (env.system.gpu, env.system.cuda_driver))),
        "GPU wanted": diagnosis.gpu_wanted,
        "Matrix row": diagnosis.row,
    }
    kind = "error" if not diagnosis.ok else "warning" if shown else "ok"
    counted = " ".join(verdict(diagnosis, Style(sys.stdout, colour=False), 1))
    first = shown[0].message if shown else counted
    body = [f'<h1 class="{kind}">{text(first)}</h1>', f"<p>{text(counted)}</p>" if shown else "", "<dl>"]
    body += [f"<dt>{name}</dt><dd>{text(value)}</dd>" for name, value in facts.items() if value]
    body.append("</dl>")
    lines = repair_lines(diagnosis)
    if lines:
        body.append("<h2>What to type</h2>")
        for line in lines:
            plain = line.endswith(":") or line.startswith("write into ")
            body.append(f"<p>{text(line)}</p>" if plain else _typed(text(line.strip())))
    body += ["<h2>What is wrong</h2>"] * bool(shown) + [_finding(finding, env.platform, text) for finding in shown]
    drawn = "\n".join(tree)
    if drawn:
        body.append("<h2>What is loaded</h2>" + _folded("The ways to what is wrong", text(drawn), " open"))
    if env.error_text:
        body.append("<h2>The error text</h2>" + _folded("What was seen", text(env.error_text)))
    if notes:
        each = "".join(f"<p><b>{note.code} {note.name}</b> {text(note.message)}</p>" for note in notes)
        body.append(f"<h2>Notes</h2><details><summary>{len(notes)} notes</summary>{each}</details>")
    if diagnosis.checked:
        fine = ", ".join(f"<span>{code} {RULES[code]}</span>" for code in sorted(diagnosis.checked))
        body.append(f'<h2 class="ok">What was fine</h2><p class="whole">{fine}</p>')
    return _page("conda-tf-doctor: " + masked(env.path), filter(None, body), "copy.js")


def _folded(title: str, content: str, how: str = "") -> str:
    return f"<details{how}><summary>{title}</summary><pre>{content}</pre></details>"


def _typed(line: str) -> str:
    return f'<div class="type"><pre>{line}</pre><button type="button" data-copy>Copy</button></div>'


def _finding(finding: Finding, platform: str, text: Callable[[str], str]) -> str:
    sure = "" if finding.confidence == "certain" else f" ({finding.confidence})"
    facts = {
        "found": finding.found,
        "expected": finding.expected,
        "evidence": ", ".join(finding.evidence),
        "source": finding.source,
        "to be sure": " ".join(finding.needs),
        "repair": finding.fix.note,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{text(value)}</dd>" for name, value in facts.items() if value)
    typed = "".join(_typed(text(command_line(command, platform))) for command in finding.fix.commands)
    word = "ERROR" if finding.severity == ERROR else "WARNING"
    head = f'<h3><span class="{finding.severity}">{word}</span> {finding.code} {finding.name}{sure}</h3>'
    more = f"<details><summary>By hand, this alone</summary>{typed}</details>" if typed else ""
    return f'<article class="{finding.severity}">{head}<p>{text(finding.message)}</p><dl>{rows}</dl>{more}</article>'

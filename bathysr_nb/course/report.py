"""One page with the figures and tables of executed notebooks; it needs no internet connection."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

from bathysr_nb.course import parameters, stations
from bathysr_nb.files import store
from bathysr_nb.scores import tables

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>bathysr-nb report</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1b2a36 }
 h1, h2 { line-height: 1.2 } h2 { margin-top: 3rem; border-top: 1px solid #cfd8dc; padding-top: 1.5rem }
 figure { margin: 1.5rem 0; overflow-x: auto } img { max-width: 100%; height: auto }
 figcaption { color: #546e7a; margin-bottom: .4rem }
 table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums }
 th, td { padding: .25rem .45rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e0e6ea }
 nav a { margin-right: 1rem }
</style></head><body>
<h1>Super-resolution of the seafloor off Cairns</h1>
{% for sentence in sentences[:3] %}<p><strong>{{ sentence }}</strong></p>{% endfor %}
<p>A typical block: the ratio of the two RMSEs within each block of the map, averaged over blocks. Negative is
better; brackets are 95% intervals over blocks. <code>flip_rotate</code>: training on flips and turns. All numbers
leave out the rim of a patch, two low-resolution cells wide.</p>
{% if figure %}<figure><figcaption>Change in RMSE against bicubic in a typical block, for each slope bin,
with 95% intervals over blocks; below the line is better</figcaption>{{ figure | safe }}</figure>{% endif %}
<details><summary>How to read these numbers</summary><p>{{ how_to_read | safe }}</p></details>
<h2>Every network against interpolation</h2>
<ul>{% for sentence in sentences[3:] %}<li>{{ sentence }}</li>{% endfor %}</ul>
{% for caption, table in tables %}
<figure><figcaption>{{ caption }}</figcaption>{{ table | safe }}</figure>
{% endfor %}
<nav>{% for part in parts %}<a href="#{{ part.anchor }}">{{ part.title }}</a>{% endfor %}</nav>
{% for part in parts %}<h2 id="{{ part.anchor }}">{{ part.title }}</h2>
{% for shown in part.shown %}<figure><figcaption>{{ shown.caption }}</figcaption>{{ shown.content | safe }}</figure>
{% endfor %}{% endfor %}</body></html>
"""


def _content(data: dict, caption: str) -> str | None:
    if "image/png" in data:
        return f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "<table" in data.get("text/html", ""):
        return data["text/html"]
    return None


def gather(path) -> dict:
    """Title, figures and tables of an executed notebook.

    Parameters
    ----------
    path : path
        An executed notebook.

    Returns
    -------
    dict
        anchor, title, and shown: a list of caption (the heading above) and content (HTML).
    """
    stem = Path(path).stem
    variant = next((stem[len(name) :] for name in parameters.STATIONS if stem.startswith(name)), "")
    import nbformat  # not at the top: takes long to import

    caption, title, shown = "", stem, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    title = line[2:] + variant.replace("_", ": ", 1)  # of 06_train_espcn
                elif line.startswith("#"):
                    caption = line.lstrip("# ")
            continue
        for output in cell.get("outputs", []):
            if content := _content(output.get("data", {}), caption):
                shown.append({"caption": caption, "content": content})
    return {"anchor": stem, "title": title, "shown": shown}


def write_report(run_dir, notebooks, scores, sentences, figure=None) -> Path:
    """Write ``report.html`` of a run folder.

    Parameters
    ----------
    run_dir : path
    notebooks : iterable of path
        Executed notebooks, in order.
    scores : DataFrame
        As `bathysr_nb.scores.tables.score_table`, with a column cells.
    sentences : iterable of str
        The verdict: three for the first screen, then the others.
    figure : path, optional
        Picture for the first screen, PNG.

    Returns
    -------
    Path
        The page.
    """
    from jinja2 import Environment  # not at the top: takes long to import

    wide = []
    for cells in ("inner", "all"):
        part = scores[scores["cells"] == cells]
        if len(part):
            wide.append((f"{cells} cells: change against bicubic in a typical block", tables.typical_table(part)))
            wide.append(
                (f"{cells} cells: pooled RMSE in metres, and its change against bicubic", tables.wide_table(part))
            )
    page = stations.run_folder(run_dir) / "report.html"
    content = (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            sentences=list(sentences),
            figure=figure and _content({"image/png": base64.b64encode(Path(figure).read_bytes()).decode()}, "all bins"),
            how_to_read=re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(tables.ABOUT)),
            tables=[(caption, table.to_html(border=0)) for caption, table in wide],
            parts=[gather(path) for path in notebooks],
        )
    )
    store.write_text(page, content, overwrite=True)
    return page

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bathysr_nb.course import report
from bathysr_nb.scores import tables


def notebook(path):
    figure = new_output("display_data", {"image/png": "aGVsbG8=\n", "text/plain": "<Figure>"})
    table = new_output("execute_result", {"text/html": "<table><td>7</td></table>"}, execution_count=1)
    text = new_output("stream", text="not shown")
    cells = [
        new_markdown_cell("# 06 Train\n\nwords"),
        new_markdown_cell("## A <figure>"),
        new_code_cell(outputs=[text, figure]),
        new_code_cell(outputs=[table]),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_gather_takes_figures_and_tables_under_their_heading(tmp_path):
    part = report.gather(notebook(tmp_path / "06_train_espcn-adaptive_mixup.ipynb"))
    assert part["title"] == "06 Train: espcn-adaptive_mixup"
    assert [shown["caption"] for shown in part["shown"]] == ["A <figure>"] * 2
    assert part["shown"][0]["content"] == '<img alt="A &lt;figure&gt;" src="data:image/png;base64,aGVsbG8=">'


def test_the_page_begins_with_the_verdict_and_needs_no_network(tmp_path):
    errors = {"bicubic": np.full(9, 4.0), "net": np.full(9, 1.0)}
    scores = tables.score_table(errors, np.full(9, 0.2), np.arange(9)).assign(cells="inner")
    said = ["net: better, RMSE -50.0% against <all>"]
    page = report.write_report(tmp_path, [notebook(tmp_path / "06_train.ipynb")], scores, said).read_text()
    assert page.index("net: better, RMSE -50.0% against &lt;all&gt;") < page.index("-50.0% [-50.0, -50.0]")
    assert page.index("-50.0% [-50.0, -50.0]") < page.index("06 Train</h2>")
    assert "http" not in page
    assert "&lt;figure&gt;" in page

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the tables of results.py, one SVG each: FOLDER/KEY.svg.

usage: plot.py FOLDER TABLES...

The same tables give the same bytes. Needs matplotlib.
"""
import pathlib
import sys
import textwrap

import matplotlib
matplotlib.use('svg')
from matplotlib import pyplot

import results

matplotlib.rcParams.update({
    'svg.fonttype': 'none', 'svg.hashsalt': 'motet', 'font.size': 8, 'path.simplify': True,
    'axes.spines.top': False, 'axes.spines.right': False, 'font.family': 'sans-serif',
})
OURS, BY_HAND, OTHERS = '#c0392b', '#555555', '#8fb4d9'
SERIES = [OURS, BY_HAND, '#2e6da4', '#d9903d', '#4f9d69', '#8e6bb0', '#999933', '#3bb3c4']
AIM = '#1a9c3c'
BAR, WIDTH = 0.19, 7.5  # inches


def errors(figures):
    """How far the lowest and the highest repeat are from the median."""
    return [[f.median - min(f.values) for f in figures],
            [max(f.values) - f.median for f in figures]]


def names(rows):
    return ['\n'.join(textwrap.wrap(row.name.replace('`', ''), 40)) for row in rows]


def mark_target(panel, place, figure):
    """Where the bar should end."""
    if target := figure.target:
        aim = target.value
        if target.of_ratio:
            aim *= figure.median / figure.ratio
        panel.plot([aim], [place], '|', ms=9, mew=1.5, color=AIM)


def color(row):
    return OURS if row.name.startswith('motet') else BY_HAND if row.raw else OTHERS


def draw_panels(table):
    """For each column a panel, for each row a bar."""
    columns = [n for n, column in enumerate(table.columns) if column.compared
               and any(table.figure(row, n) for row in table.rows)]
    figure, panels = pyplot.subplots(
        1, len(columns), sharey=True, squeeze=False,
        figsize=(WIDTH, 1 + BAR * len(table.rows)))
    for panel, number in zip(panels[0], columns):
        for place, row in enumerate(table.rows):
            if found := table.figure(row, number):
                panel.barh(place, found.median, xerr=errors([found]), height=0.7,
                           color=color(row), error_kw={'lw': 0.7})
                mark_target(panel, place, found)
                if found.ratio is not None:
                    panel.text(0, place, f' {found.ratio:.2f}', va='center', size=6,
                               color='white')
        column = table.columns[number]
        panel.set_title(f'{column.name}, {column.unit}' if column.unit else column.name, size=8)
    panels[0][0].set_yticks(range(len(table.rows)), names(table.rows))
    panels[0][0].set_ylim(len(table.rows) - 0.5, -0.5)
    figure.supxlabel(table.unit, size=8)
    return figure


def draw_groups(table):
    """For each row that is in the table's unit a group of bars, one per column."""
    rows = [row for row in table.rows if not row.unit]
    columns = [n for n, column in enumerate(table.columns) if column.compared]
    height = 0.8 / len(columns)
    figure, panel = pyplot.subplots(
        figsize=(WIDTH, 1 + BAR * len(rows) * max(len(columns) * 0.55, 1)))
    for order, number in enumerate(columns):
        found = [(place, row.cells[number]) for place, row in enumerate(rows)
                 if table.figure(row, number)]
        panel.barh([place + (order + 0.5) * height - 0.4 for place, _ in found],
                   [f.median for _, f in found], xerr=errors([f for _, f in found]),
                   height=height * 0.9, color=SERIES[order % len(SERIES)],
                   error_kw={'lw': 0.7}, label=table.columns[number].name)
        for place, f in found:
            mark_target(panel, place + (order + 0.5) * height - 0.4, f)
    panel.set_yticks(range(len(rows)), names(rows))
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xscale('log')
    panel.set_xlabel(table.unit)
    panel.legend(frameon=False)
    return figure


def draw_lines(table):
    """For each row a line through the columns."""
    figure, panel = pyplot.subplots(figsize=(WIDTH, 3.5))
    for order, row in enumerate(row for row in table.rows if not row.unit):
        found = [(table.columns[n].at, f) for n in range(len(table.columns))
                 if (f := table.figure(row, n))]
        if found:
            panel.errorbar([at for at, _ in found], [f.median for _, f in found],
                           yerr=errors([f for _, f in found]), label=row.name, lw=1.2,
                           elinewidth=0.7, marker='o', ms=3,
                           color=SERIES[order % len(SERIES)])
    panel.set_xscale('log')
    panel.set_yscale('log')
    panel.set_xlabel(table.head)
    panel.set_ylabel(table.unit)
    panel.legend(frameon=False, loc='center left', bbox_to_anchor=(1, 0.5))
    return figure


DRAW = {'panels': draw_panels, 'groups': draw_groups, 'lines': draw_lines}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sys.argv[2:]:
        for table in results.load(path):
            if table.plot not in DRAW:
                continue
            figure = DRAW[table.plot](table)
            figure.suptitle(table.title, size=9)
            figure.tight_layout()
            figure.savefig(folder / f'{table.key}.svg', metadata={'Date': None})
            pyplot.close(figure)


main()

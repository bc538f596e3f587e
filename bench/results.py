# SPDX-License-Identifier: MIT
"""Tables of benchmarks: built by the parts, kept as JSON lines, printed as Markdown.

A table has rows (servers, or operations) and columns. A cell is a `Figure`: what each
repeat measured, and perhaps a target. It is printed as the median with the lowest and the
highest, and beside it the ratio to what it is compared with, and whether the target is met.

    table = results.Table('echo_64', 'Echo, 64 bytes', unit='µs CPU per request',
                          columns=['50 connections', '500 connections',
                                   results.Column('memory', 'kB', compared=False)])
    table.row('raw epoll', [[3.7, 3.6, 3.9], [3.5, 3.5, 3.6], [0.1, 0.1, 0.1]], raw=True)
    table.row('motet', [results.Figure(samples, results.at_most_ratio(1.05)), ...])
    table.compare_with_best_raw()
    results.publish(table, options.tables)
"""
import json
import math
import statistics
from dataclasses import asdict, dataclass, field

NOTHING = '–'


@dataclass
class Column:
    name: str
    unit: str = ''         # if it is not the table's
    compared: bool = True  # has ratios, and is plotted
    at: float = None       # where it is on the axis of a plot with lines


@dataclass
class Target:
    value: float
    of_ratio: bool = False
    at_least: bool = False

    def met(self, value):
        return value >= self.value if self.at_least else value <= self.value

    def text(self, value):
        sign = '≥' if self.at_least else '≤'
        shown = f'{self.value:.2f}' if self.of_ratio else f'{self.value:,g}'
        return f'{sign} {shown}: {"met" if self.met(value) else "missed"}'


def at_most(value):
    return Target(value)


def at_most_ratio(value):
    return Target(value, of_ratio=True)


def at_least_ratio(value):
    return Target(value, of_ratio=True, at_least=True)


@dataclass
class Figure:
    """What each repeat measured, in their order; None for a repeat that does not count."""
    samples: list
    target: Target = None
    ratio: float = None

    @property
    def values(self):
        return [s for s in self.samples if s is not None and not math.isnan(s)]

    @property
    def median(self):
        return statistics.median(self.values)

    def ratio_to(self, base):
        """Repeat by repeat, as what drifts drifts in both; of the medians if no repeat
        has both."""
        pairs = [(mine, theirs) for mine, theirs in zip(self.samples, base.samples)
                 if mine is not None and theirs is not None]
        if pairs and all(theirs for _, theirs in pairs):
            return statistics.median(mine / theirs for mine, theirs in pairs)
        return self.median / base.median if base.median else None


@dataclass
class Row:
    name: str
    cells: list        # a Figure, a text or None for each column
    raw: bool = False  # written by hand: what the others are compared with
    unit: str = ''     # if it is not the table's


@dataclass
class Table:
    key: str    # the name of its plot, and of its place in docs/performance.md
    title: str
    unit: str
    columns: list
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    compared_with: str = ''
    plot: str = 'panels'  # one per column; or 'groups' of bars, 'lines', 'none'
    head: str = ''        # above the names of the rows
    of_run: str = ''      # when, where and of which sources it was measured

    def __post_init__(self):
        self.columns = [c if isinstance(c, Column) else Column(c) for c in self.columns]

    def row(self, name, cells, raw=False, unit=''):
        """Cells may be lists of samples. An empty one is nothing."""
        cells = [Figure(cell) if isinstance(cell, list) else cell for cell in cells]
        cells = [None if isinstance(c, Figure) and not c.values else c for c in cells]
        self.rows.append(Row(name, cells, raw, unit))

    def figure(self, row, number):
        """The figure of a row in a column, if there is one to be compared."""
        cell = row.cells[number]
        compared = self.columns[number].compared and isinstance(cell, Figure)
        return cell if compared else None

    def compare_with_best_raw(self):
        """Each column with the lowest median among the rows that are raw."""
        self.compared_with = 'the best raw'
        for number in range(len(self.columns)):
            raw = [self.figure(row, number) for row in self.rows if row.raw]
            best = min(filter(None, raw), key=lambda f: f.median, default=None)
            self._compare(number, best)

    def compare_with_row(self, name):
        self.compared_with = name
        for number in range(len(self.columns)):
            base = [self.figure(row, number) for row in self.rows if row.name == name]
            self._compare(number, base[0] if base else None)

    def compare_columns(self, number, base):
        """One column with another, row by row."""
        self.compared_with = self.columns[base].name
        for row in self.rows:
            if isinstance(row.cells[number], Figure) and isinstance(row.cells[base], Figure):
                row.cells[number].ratio = row.cells[number].ratio_to(row.cells[base])

    def _compare(self, number, base):
        for row in self.rows:
            if (figure := self.figure(row, number)) and base:
                figure.ratio = figure.ratio_to(base)

    # --- JSON -------------------------------------------------------------------------

    def to_json(self):
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(line):
        found = json.loads(line)
        found['columns'] = [Column(**column) for column in found['columns']]
        for row in found['rows']:
            row['cells'] = [_figure(cell) if isinstance(cell, dict) else cell
                            for cell in row['cells']]
        found['rows'] = [Row(**row) for row in found['rows']]
        return Table(**found)

    # --- Markdown ---------------------------------------------------------------------

    def markdown(self):
        """The table, and the notes below it; no heading."""
        heads, ratios = [f'{self.head} ({self.unit})'.strip() if self.unit else self.head], []
        for number, column in enumerate(self.columns):
            figures = [row.cells[number] for row in self.rows]
            has_ratio = any(isinstance(f, Figure) and f.ratio is not None for f in figures)
            ratios.append(has_ratio)
            heads += [f'{column.name}, {column.unit}' if column.unit else column.name]
            heads += [f'to {self.compared_with}'] * has_ratio
        lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
        for row in self.rows:
            cells = [f'{row.name}, {row.unit}' if row.unit else row.name]
            for cell, has_ratio in zip(row.cells, ratios):
                cells += [_cell(cell)] + [_ratio(cell)] * has_ratio
            lines.append('| ' + ' | '.join(cells) + ' |')
        for note in self.notes:
            lines += ['', note]
        return '\n'.join(lines)


def _figure(found):
    target = found.pop('target')
    return Figure(**found, target=Target(**target) if target else None)


def number(value):
    if 0 < abs(value) < 0.0995:
        return f'{value:.3f}'
    if abs(value) < 9.995:
        return f'{value:.2f}'
    return f'{value:.1f}' if abs(value) < 99.95 else f'{value:,.0f}'


def _cell(cell):
    if not isinstance(cell, Figure):
        return cell or NOTHING
    text = number(cell.median)
    if len(cell.values) > 1:
        text += f' [{number(min(cell.values))}–{number(max(cell.values))}]'
    if cell.target and not cell.target.of_ratio:
        text += f' ({cell.target.text(cell.median)})'
    return text


def _ratio(cell):
    if not isinstance(cell, Figure) or cell.ratio is None:
        return NOTHING
    text = f'{cell.ratio:.2f}'
    if cell.target and cell.target.of_ratio:
        text += f' ({cell.target.text(round(cell.ratio, 2))})'
    return text


# --- What the parts do with tables ----------------------------------------------------

def add_argument(parser):
    parser.add_argument('--tables', help='append the tables to this file, as JSON lines')


def publish(table, path):
    """Prints a table, and appends it to the file `path` if there is to be one."""
    print(f'\n### {table.title}\n\n{table.markdown()}', flush=True)
    if path:
        with open(path, 'a') as out:
            out.write(table.to_json() + '\n')


def load(path):
    with open(path) as lines:
        return [Table.from_json(line) for line in lines]

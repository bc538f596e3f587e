#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""That results.py compares what is to be compared, and keeps it."""
import unittest

from results import Column, Figure, Table, at_least_ratio, at_most, at_most_ratio


def echo():
    return Table('echo', 'Echo', 'µs', head='server',
                 columns=['50 connections', Column('memory', 'kB', compared=False)])


class Results(unittest.TestCase):
    def test_a_row_is_compared_with_the_lowest_median_of_those_by_hand(self):
        table = echo()
        table.row('raw epoll', [[4, 4, 4], [0]], raw=True)
        table.row('raw io_uring', [[2, 2, 2], [0]], raw=True)
        table.row('motet', [[3, 3, 3], [8]])
        table.row('faster than all', [[1, 1, 1], []])
        table.compare_with_best_raw()
        self.assertEqual([row.cells[0].ratio for row in table.rows], [2, 1, 1.5, 0.5])
        self.assertIsNone(table.rows[2].cells[1].ratio)

    def test_a_ratio_is_that_of_repeats_side_by_side(self):
        # The second repeat was slow for both; the third of one of them does not count.
        mine, base = Figure([2, 20, 2]), Figure([1, 10, None])
        self.assertEqual(mine.ratio_to(base), 2)
        self.assertEqual(Figure([4, None]).ratio_to(Figure([None, 2])), 2)

    def test_a_target_is_met_or_missed_by_what_it_is_for(self):
        self.assertTrue(at_most(8).met(8))
        self.assertFalse(at_most_ratio(1.05).met(1.06))
        self.assertTrue(at_least_ratio(1).met(1.2))
        table = echo()
        table.row('raw', [[10, 10], []], raw=True)
        table.row('motet', [Figure([10.6, 10.6], at_most_ratio(1.05)), Figure([9], at_most(8))])
        table.compare_with_best_raw()
        said = table.markdown()
        self.assertIn('| 10.6 [10.6–10.6] | 1.06 (≤ 1.05: missed) | 9.00 (≤ 8: missed) |', said)

    def test_what_was_not_measured_is_a_dash(self):
        table = echo()
        table.row('raw', [[], [None]], raw=True)
        table.compare_with_best_raw()
        self.assertIn('| raw | – | – |', table.markdown())

    def test_a_table_is_the_same_once_it_was_kept(self):
        table = echo()
        table.row('raw', [Figure([1.5, None], at_most(2)), 'n/a'], raw=True)
        table.compare_with_best_raw()
        table.notes.append('two repeats')
        self.assertEqual(Table.from_json(table.to_json()), table)


if __name__ == '__main__':
    unittest.main()

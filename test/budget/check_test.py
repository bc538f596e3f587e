#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""That check.py fails when it should, and only then; and what profile_row.py reads."""
import contextlib
import io
import unittest

import check
import profile_row

DUMP = '''version: 1
desc: Trigger: Client Request: spin and await
fl=(1) somewhere.cpp
1 2
totals: 1001590
summary: 1001390
'''


def judged(measured, budget):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = check.judge(measured, budget)
    return code, out.getvalue()


class Check(unittest.TestCase):
    def test_a_row_that_grows_by_more_than_three_per_cent_fails_and_is_named(self):
        code, said = judged({'yield': 103.2, 'spin': 1000}, {'yield': 100, 'spin': 1000})
        self.assertEqual(code, 1)
        self.assertIn('yield: 103.2 instructions, budget 100.0 (+3.2%)', said)
        self.assertIn('./dev budget --update', said)
        self.assertIn('1 passed, 1 failed', said)
        self.assertNotIn('spin', said)

    def test_a_row_that_stays_within_three_per_cent_passes(self):
        code, said = judged({'yield': 102.9, 'spin': 971}, {'yield': 100, 'spin': 1000})
        self.assertEqual((code, said), (0, '2 passed, 0 failed\n'))

    def test_a_row_that_shrinks_asks_for_a_lower_budget_and_passes(self):
        code, said = judged({'yield': 96}, {'yield': 100})
        self.assertEqual(code, 0)
        self.assertIn('yield: 96.0 instructions, budget 100.0 (-4.0%): lower it', said)

    def test_a_row_without_a_budget_and_a_budget_without_a_row_fail(self):
        code, said = judged({'new': 1}, {'old': 1})
        self.assertEqual(code, 1)
        self.assertIn('new: 1.0 instructions, and no budget', said)
        self.assertIn('old: has a budget, and is not measured', said)

    def test_a_budget_is_read_as_it_was_written(self):
        rows = {'yield, 2 fibers': 100.1, 'stop: one': 28758.2}
        self.assertEqual(check.read_budget(check.written(rows)), rows)

    def test_a_dump_gives_its_row_and_its_sum(self):
        self.assertEqual(check.read_dump(DUMP), ('spin and await', 1001390))
        self.assertIsNone(check.read_dump('desc: Trigger: Program termination\nsummary: 1'))

    def test_a_profile_counts_what_functions_took_themselves(self):
        dump = 'fn=(1) one\n5 10\ncfn=(2) two\ncalls=1 7\n6 100\n+1 5\n\nfn=(2)\n7 100\n'
        self.assertEqual(profile_row.own_costs(dump), {'1': 15, '2': 100})
        self.assertEqual(profile_row.read_names([dump]), {'1': 'one', '2': 'two'})


if __name__ == '__main__':
    unittest.main()

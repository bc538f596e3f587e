// SPDX-License-Identifier: MIT
// doctest itself: compiled once, linked into each test program.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

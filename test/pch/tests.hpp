// SPDX-License-Identifier: MIT

/// @file
/// What nearly every test includes, compiled once. Tests include it all the same.

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

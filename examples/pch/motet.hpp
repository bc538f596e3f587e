// SPDX-License-Identifier: MIT

/// @file
/// What the sources of larger examples include, compiled once. They include it all the
/// same.

#include <motet/motet.hpp>

#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

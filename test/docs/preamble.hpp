// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a fragment of code in the docs may use without saying where it comes from.
/// Declared only: fragments are compiled, not run.

#include <motet/motet.hpp>

#include <cstdio>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace motet;
using namespace std::literals;

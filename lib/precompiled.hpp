// SPDX-License-Identifier: MIT

/// @file
/// What nearly every source of the library includes, compiled once. They include it all
/// the same: `./dev demo` builds without.

#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/motet.hpp>

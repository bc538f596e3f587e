// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// From now on.

#include <motet/time.hpp>

namespace motet::detail {

/// `span` from now, or later by a little. @throws structure_error outside of fibers.
[[nodiscard]] time_point deadline_in(duration span);

}  // namespace motet::detail

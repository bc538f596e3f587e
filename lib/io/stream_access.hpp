// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a stream is made of, for operations that are not its own.

#include <motet/stream.hpp>

namespace motet::detail {

struct stream_access {
  [[nodiscard]] static descriptor& of(stream& s) noexcept { return s.descriptor_; }
};

}  // namespace motet::detail

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What the server allows: in time, and in size.

#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>

namespace http {

using namespace motet;

struct settings {
  // Every wait for a peer has an end.
  duration header = 10s;   ///< For the whole head of a request.
  duration idle = 60s;     ///< Between two requests.
  duration body = 20s;     ///< For a body, and longer the more of it has come, see below.
  duration sending = 20s;  ///< For what is sent at a time; longer the more it is.
  /// Bytes per second that are fast enough to be given time.
  std::uint64_t slowest = 16 * 1024;

  std::size_t head_size = 8192;        ///< 431 if a head is longer.
  std::size_t target_size = 4096;      ///< 414 if the target of a request is longer.
  std::size_t fields = 100;            ///< 431 if there are more.
  std::uint64_t body_size = 16 << 20;  ///< 413 if a body is longer.
};

/// How long `size` bytes may take on top of what is granted anyway.
inline duration time_for(std::uint64_t size, const settings& s) {
  return std::chrono::milliseconds(size * 1000 / s.slowest);
}

}  // namespace http

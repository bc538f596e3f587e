// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"

#include <motet/pipes.hpp>

#include <array>

namespace motet {

pipe_ends pipes() {
  std::array<int, 2> ends{};
  const std::int32_t failed = detail::ask_kernel(open_pipe_call{&ends});
  if (failed < 0) detail::throw_failure(failed, "make a pipe");
  return {stream(ends[0], stream_kind::other), stream(ends[1], stream_kind::other)};
}

}  // namespace motet

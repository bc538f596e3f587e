// SPDX-License-Identifier: MIT
#include "backend/uring/fatal.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace motet {

void fatal(const char* why, int error) noexcept {
  std::fprintf(stderr, "motet: io_uring: %s%s%s\n", why, error != 0 ? ": " : "",
               error != 0 ? strerrordesc_np(error) : "");
  std::abort();
}

}  // namespace motet

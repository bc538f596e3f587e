// SPDX-License-Identifier: MIT
#include "backend/uring/fatal.hpp"

#include "backend/posix/fatal.hpp"

namespace motet {

void fatal(const char* why, int error) noexcept {
  abort_engine("io_uring", why, error);
}

}  // namespace motet

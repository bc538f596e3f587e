// SPDX-License-Identifier: MIT
#include "backend/posix/fatal.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace motet {

void abort_engine(const char* engine, const char* why, int error) noexcept {
  std::fprintf(stderr, "motet: %s: %s%s%s\n", engine, why, error != 0 ? ": " : "",
               error != 0 ? strerrordesc_np(error) : "");
  std::abort();
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#include "backend/libev/forks.hpp"

#include <system_error>

#include <pthread.h>

namespace motet {

void forks::start_counting() {
  static const int failed = ::pthread_atfork(nullptr, nullptr, &in_child);
  if (failed != 0)
    throw std::system_error(failed, std::system_category(), "pthread_atfork");
}

}  // namespace motet

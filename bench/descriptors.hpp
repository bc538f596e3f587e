// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Room for many connections.

#include <sys/resource.h>

namespace bench {

/// As many descriptors as this process may have.
inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench

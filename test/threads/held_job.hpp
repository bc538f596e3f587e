// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A job that a test holds up.

#include <semaphore>

namespace motet::test {

/// Something that a job does when it is told to.
struct held_job {
  std::binary_semaphore begun{0};
  std::binary_semaphore go_on{0};

  void operator()() {
    begun.release();
    go_on.acquire();
  }
};

}  // namespace motet::test

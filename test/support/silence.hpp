// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// For programs that talk while they are tested.

#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace motet::test {

/// While it lives, nothing that is printed gets anywhere.
class silence {
 public:
  silence() {
    std::fflush(stdout);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;
  ~silence() {
    std::fflush(stdout);
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    ::close(out_);
    ::close(err_);
  }

 private:
  int out_ = ::dup(STDOUT_FILENO);
  int err_ = ::dup(STDERR_FILENO);
};

}  // namespace motet::test

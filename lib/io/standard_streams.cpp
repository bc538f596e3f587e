// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"

#include <motet/standard_streams.hpp>

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace motet {
namespace {

stream share(int fd, const char* name) {
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) detail::throw_failure(-errno, name);
  return stream(own, stream_kind::other);
}

}  // namespace

stream standard_input() {
  return share(STDIN_FILENO, "standard input");
}

stream standard_output() {
  return share(STDOUT_FILENO, "standard output");
}

stream standard_error() {
  return share(STDERR_FILENO, "standard error output");
}

}  // namespace motet

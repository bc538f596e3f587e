// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Runs something in a child process, and tells how that ended.

#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace motet::test {

struct ending {
  int signal = 0;      ///< What killed it; 0 if nothing did.
  int code = 0;        ///< Its exit code.
  std::string errors;  ///< What it wrote to stderr.
};

/// @param body may die; if it returns, the child exits with code 0.
template <class Body>
ending run_in_child(Body body) {
  int ends[2];
  if (pipe(ends) != 0) return {.code = -1, .errors = "no pipe"};
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    body();
    _exit(0);
  }
  close(ends[1]);
  ending how;
  char piece[512];
  for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;) {
    how.errors.append(piece, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) how.signal = WTERMSIG(status);
  if (WIFEXITED(status)) how.code = WEXITSTATUS(status);
  return how;
}

}  // namespace motet::test

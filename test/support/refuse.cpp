// SPDX-License-Identifier: MIT
// Runs a program where io_uring is refused.
//
//   refuse [--errno NAME] [--only CALL] [--memlock BYTES] [--nobody] -- PROGRAM [ARG...]
//
// --errno    io_uring_setup, io_uring_enter and io_uring_register fail with this
// --only     only one of these does: setup, enter or register
// --memlock  the limit of locked memory
// --nobody   as an ordinary user, if it is root that starts this
#include "test/support/seccomp.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

constexpr uid_t nobody = 65534;

struct errno_name {
  std::string_view name;
  int number;
};
constexpr errno_name names[] = {
    {"EPERM", EPERM},   {"EACCES", EACCES}, {"ENOSYS", ENOSYS},
    {"EINVAL", EINVAL}, {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE},
};

[[noreturn]] void give_up(const char* what, const char* why) {
  std::fprintf(stderr, "refuse: %s: %s\n", what, why);
  std::exit(125);
}

void check(const char* what, int error) {
  if (error != 0) give_up(what, std::strerror(error));
}

int errno_named(std::string_view name) {
  for (const errno_name& each : names)
    if (each.name == name) return each.number;
  give_up("--errno", "not one of EPERM, EACCES, ENOSYS, EINVAL, ENOMEM, EMFILE");
}

void limit_memory(const char* bytes) {
  const rlim_t most = std::strtoul(bytes, nullptr, 10);
  const rlimit limit{most, most};
  check("setrlimit", ::setrlimit(RLIMIT_MEMLOCK, &limit) == 0 ? 0 : errno);
}

void become_nobody() {
  if (::geteuid() != 0) return;
  check("setgroups", ::setgroups(0, nullptr) == 0 ? 0 : errno);
  check("setgid", ::setgid(nobody) == 0 ? 0 : errno);
  check("setuid", ::setuid(nobody) == 0 ? 0 : errno);
}

void refuse(std::string_view only, int error) {
  if (error == 0) return;
  using motet::test::refuse_calls;
  if (only.empty())
    return check("seccomp", refuse_calls(motet::test::uring_calls, error));
  if (only == "setup") return check("seccomp", refuse_calls({SYS_io_uring_setup}, error));
  if (only == "enter") return check("seccomp", refuse_calls({SYS_io_uring_enter}, error));
  if (only == "register")
    return check("seccomp", refuse_calls({SYS_io_uring_register}, error));
  give_up("--only", "not one of setup, enter, register");
}

}  // namespace

int main(int count, char** arguments) {
  int error = 0;
  std::string_view only;
  bool drop = false;
  int at = 1;
  for (; at < count && std::string_view(arguments[at]) != "--"; ++at) {
    const std::string_view option = arguments[at];
    if (option == "--nobody") {
      drop = true;
      continue;
    }
    if (at + 1 == count) give_up(arguments[at], "needs a value");
    const char* const value = arguments[++at];
    if (option == "--errno") {
      error = errno_named(value);
    } else if (option == "--only") {
      only = value;
    } else if (option == "--memlock") {
      limit_memory(value);
    } else {
      give_up(arguments[at - 1], "no such option");
    }
  }
  if (at + 1 >= count) give_up("--", "names no program");
  if (drop) become_nobody();
  refuse(only, error);
  ::execvp(arguments[at + 1], arguments + at + 1);
  give_up(arguments[at + 1], std::strerror(errno));
}

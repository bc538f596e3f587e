// SPDX-License-Identifier: MIT
#include "backend/make_backend.hpp"

#include "backend/sim/sim_backend.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#ifdef MOTET_HAVE_URING
#include "backend/uring/uring_backend.hpp"
#endif

namespace motet {
namespace {

engine engine_from_environment() {
  // Unsafe only beside a thread that changes the environment.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const value = std::getenv("MOTET_BACKEND");
  const std::string_view name = value == nullptr ? "" : value;
  if (name.empty() || name == "auto") return engine::automatic;
  if (name == "uring") return engine::uring;
  if (name == "libev") return engine::libev;
  if (name == "sim") return engine::sim;
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "MOTET_BACKEND is '" + std::string(name) +
                              "', which is none of auto, uring, libev and sim");
}

[[noreturn]] void refuse_missing(const std::string& name) {
  throw std::system_error(std::make_error_code(std::errc::function_not_supported),
                          "this build of motet has no " + name + " backend");
}

#ifdef MOTET_HAVE_URING
/// The kernel says no in few words; these are the usual reasons.
const char* advice(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return "it is forbidden here: by a seccomp filter, as in most containers (allow "
             "io_uring_setup, io_uring_enter and io_uring_register), or by sysctl "
             "kernel.io_uring_disabled (set it to 0)";
    case ENOSYS:
      return "this kernel has none, or hides it: Linux 6.1 or newer would help";
    case EINVAL:
      return "this kernel's is too old: Linux 6.1 or newer would help";
    case ENOMEM:
      return "memory is short, or the limit of locked memory is: raise it (ulimit -l)";
    case EMFILE:
    case ENFILE:
      return "no descriptor is left: raise the limit (ulimit -n)";
    default:
      return "the kernel refuses";
  }
}

/// What the exception was made with: without the error's name, which comes at the end.
std::string attempt_in(const std::system_error& error) {
  const std::string all = error.what();
  return all.substr(0, all.rfind(": " + error.code().message()));
}

std::unique_ptr<backend> make_uring() {
  try {
    return make_uring_backend();
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "motet needs io_uring, but " +
                                              attempt_in(error) +
                                              " failed: " + advice(error.code().value()));
  }
}
#else
std::unique_ptr<backend> make_uring() {
  refuse_missing("io_uring");
}
#endif

}  // namespace

std::unique_ptr<backend> make_backend(engine wanted) {
  if (wanted == engine::automatic) wanted = engine_from_environment();
  switch (wanted) {
    case engine::automatic:
    case engine::uring:
      return make_uring();
    case engine::libev:
      refuse_missing("libev");
    case engine::sim:
      return make_sim_backend();
  }
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "no such backend");
}

}  // namespace motet

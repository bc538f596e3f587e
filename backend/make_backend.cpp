// SPDX-License-Identifier: MIT
#include "backend/make_backend.hpp"

#include "backend/fallback.hpp"
#include "backend/sim/sim_backend.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#ifdef MOTET_HAVE_URING
#include "backend/uring/uring_backend.hpp"
#endif
#ifdef MOTET_HAVE_LIBEV
#include "backend/libev/libev_backend.hpp"
#endif

namespace motet {
namespace {

std::string_view environment(const char* variable) {
  // Unsafe only beside a thread that changes the environment.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

engine engine_from_environment() {
  const std::string_view name = environment("MOTET_BACKEND");
  if (name.empty() || name == "auto") return engine::automatic;
  if (name == "uring") return engine::uring;
  if (name == "libev") return engine::libev;
  if (name == "sim") return engine::sim;
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "MOTET_BACKEND is '" + std::string(name) +
                              "', which is none of auto, uring, libev and sim");
}

#ifdef MOTET_HAVE_URING
/// The kernel says no in few words; these are the usual reasons.
const char* advice_on_uring(int error) {
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
#endif

/// What this build has to carry operations to a kernel, best first.
std::vector<candidate> candidates() {
  std::vector<candidate> all;
#ifdef MOTET_HAVE_URING
  uring_options options;
  options.without = opcodes_named(environment("MOTET_URING_WITHOUT"));
  all.push_back({"uring", "io_uring", [options] { return make_uring_backend(options); },
                 &advice_on_uring});
#endif
#ifdef MOTET_HAVE_LIBEV
  all.push_back({"libev", "libev (epoll)", [] { return make_libev_backend(); }});
#endif
  return all;
}

std::unique_ptr<backend> make_automatic() {
  const std::vector<candidate> all = candidates();
  if (all.empty())
    throw std::system_error(
        std::make_error_code(std::errc::function_not_supported),
        "this build of motet has neither io_uring nor libev, only the simulated backend "
        "(MOTET_BACKEND=sim): build it again where liburing or libev is installed");
  if (all.size() == 1)
    return make_exactly(all.front(), std::string("this build of motet has only ") +
                                         all.front().title + " to run on");
  return make_best(all, &tell_once);
}

std::unique_ptr<backend> make_named(std::string_view name, const std::string& demand) {
  for (const candidate& each : candidates())
    if (each.name == name) return make_exactly(each, demand);
  throw std::system_error(std::make_error_code(std::errc::function_not_supported),
                          demand + ", but this build of motet was made without it");
}

}  // namespace

std::unique_ptr<backend> make_backend(engine wanted) {
  std::string demand = "run was told to use ";
  if (wanted == engine::automatic) {
    wanted = engine_from_environment();
    demand = "MOTET_BACKEND asks for ";
  }
  switch (wanted) {
    case engine::automatic:
      return make_automatic();
    case engine::uring:
      return make_named("uring", demand + "io_uring");
    case engine::libev:
      return make_named("libev", demand + "libev");
    case engine::sim:
      return make_sim_backend();
  }
  throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                          "no such backend");
}

std::unique_ptr<backend> make_backend_in(struct ev_loop& lent, engine wanted) {
  if (wanted != engine::automatic && wanted != engine::libev)
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "run was given a libev loop: its backend has to be libev");
#ifdef MOTET_HAVE_LIBEV
  return make_libev_backend(&lent);
#else
  (void)lent;
  return make_named("libev", "run was given a libev loop");
#endif
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Becoming a scheduler.

#include <motet/detail/callback.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/fiber_ref.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

struct ev_loop;

namespace motet {

/// What carries operations to the kernel.
enum class backend_kind : std::uint8_t {
  /// What MOTET_BACKEND names: uring, libev or sim. Without it io_uring where that is
  /// allowed, else epoll; then a line on stderr says why.
  automatic,
  uring,  ///< io_uring; at its best from Linux 6.1 on.
  libev,  ///< epoll through libev.
  sim,    ///< No kernel: virtual time, and a network in memory.
};

/// What SIGINT and SIGTERM do while `run` is under way.
enum class signal_policy : std::uint8_t {
  /// The first stops the main fiber, so that destructors run; if that ends it, `run`
  /// exits the process with 130 or 143. The second cuts every grace short, the third
  /// exits at once. A signal that was ignored stays ignored.
  stop_main,
  none,  ///< As they were.
};

struct run_options {
  backend_kind backend = backend_kind::automatic;
  /// In bytes, of every fiber spun without one of its own.
  std::size_t stack_size = std::size_t{256} * 1024;
  signal_policy signals = signal_policy::stop_main;
  /// How many threads code passed to `blocking` may take; 0: 32, or two per core if that
  /// is more. All schedulers share one pool, as large as the largest wish among them.
  std::size_t blocking_threads = 0;
  /// Gets errors that nobody is there to get; by default they are a line on stderr.
  detail::callback<void(std::exception_ptr)> on_unhandled = {};
  /// A libev loop of your own, for `run` to wait in; the backend is libev then. Your
  /// watchers are served while fibers run: on this thread, between two fibers, on the
  /// stack of either. Callbacks may use verbs and `<<`; they may neither park, which ends
  /// the process with a message, nor spin, nor throw. The loop is yours again, without a
  /// watcher of ours, when `run` returns.
  struct ev_loop* loop = nullptr;
};

namespace detail {
/// @param has_result whether being stopped leaves the caller without one.
void run_main(const run_options& options, function_ref<void()> body, bool has_result);

/// Hands `f` to `run`, as a body without a result, and returns what that left.
template <class R, class F, class Run>
R run_for_result(F& f, Run&& run) {
  if constexpr (std::is_void_v<R>) {
    run([&] { f(); }, false);
  } else {
    std::optional<R> result;
    run([&] { result.emplace(f()); }, true);
    return std::move(*result);
  }
}
}  // namespace detail

/// Makes this thread a scheduler and runs `f` as its main fiber, on the thread's own
/// stack. When `f` returns, all other fibers are stopped and awaited.
/// @returns the result of `f`, or rethrows what it threw.
/// @throws structure_error inside of a fiber; std::system_error if there is no backend;
/// fiber_stopped if the main fiber was stopped and there is a result to return.
/// Blocks the thread.
template <class F>
auto run(const run_options& options, F&& f) {
  return detail::run_for_result<std::invoke_result_t<F&>>(
      f, [&](detail::function_ref<void()> body, bool has_result) {
        detail::run_main(options, body, has_result);
      });
}
template <class F>
auto run(F&& f) {
  return run(run_options{}, std::forward<F>(f));
}

/// The backend of this thread's scheduler: "uring", "libev" or "sim"; "none" outside of
/// one.
[[nodiscard]] const char* backend_name() noexcept;

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Several schedulers, each on a thread of its own.
///
///     run_threads(4, [](std::size_t) {
///       auto server = tcp::listen("127.0.0.1", 7000, {.reuse_port = true});
///       server.accept_loop(serve);
///     });
///
/// A fiber never leaves its thread. What fibers of several threads share are handles,
/// messages, channels and locks: docs/threads.md says who may call what from where.

#include <motet/detail/function_ref.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Runs `body` as the main fiber of a scheduler on a new thread, for which the running
/// fiber stands meanwhile.
void stand_for_thread(function_ref<void()> body);

/// Calls `F` on a thread of its own.
template <class F>
struct on_own_thread {
  F f;

  template <class... Args>
  requires std::invocable<F&, Args...>
  auto operator()(Args&&... args) -> std::invoke_result_t<F&, Args...> {
    using R = std::invoke_result_t<F&, Args...>;
    if constexpr (std::is_void_v<R>) {
      stand_for_thread([&] { detail::invoke(f, std::forward<Args>(args)...); });
    } else {
      held_result<R> result;
      stand_for_thread([&] {
        if constexpr (std::is_reference_v<R>) {
          R made = detail::invoke(f, std::forward<Args>(args)...);
          result = held_result<R>(&made);
        } else {
          result = held_result<R>(detail::invoke(f, std::forward<Args>(args)...));
        }
      });
      return std::move(result).take();
    }
  }
};

/// @throws structure_error for none.
void check_thread_count(std::size_t count);

}  // namespace detail

/// Starts a thread whose scheduler runs `f()`, and a fiber here that stands for it: to
/// await that fiber is to await the thread, its error arrives like any child's, and what
/// is asked of it, raised into it or sent to it reaches the main fiber over there, which
/// is `this_fiber::self()` for `f`. It ends when all fibers of the thread have.
/// The thread has a backend of the same kind and the same `run_options`, but for signals,
/// which are this run's business; its `on_unhandled` is called there.
/// @throws what `spin` does. If there is no thread to be had, the fiber ends with a
/// std::system_error. Never parks.
template <class F>
requires(!detail::is_options<F>) auto spin_thread(F&& f,
                                                  call_site where = call_site::here()) {
  return spin({.where = where},
              detail::on_own_thread<std::decay_t<F>>{std::forward<F>(f)});
}
/// As above, with arguments, which are lent to `f` as `spin` does. Never parks.
template <class F, class A, class... Args>
requires detail::is_call<F, A>
auto spin_thread(F&& f, A&& first, Args&&... args) {
  return spin({.where = {}}, detail::on_own_thread<std::decay_t<F>>{std::forward<F>(f)},
              std::forward<A>(first), std::forward<Args>(args)...);
}
/// As above, with options; the stack size is that of the fiber that stands for the
/// thread. Never parks.
template <class F, class... Args>
auto spin_thread(const spin_options& options, F&& f, Args&&... args) {
  return spin(options, detail::on_own_thread<std::decay_t<F>>{std::forward<F>(f)},
              std::forward<Args>(args)...);
}

/// Makes schedulers of this thread and `count - 1` others, and runs `f(index)` as the
/// main fiber of each, with indices from 0; 0 is on this thread. Returns when all have
/// ended.
/// The first error stops the others and is thrown when they have. `f` is one object,
/// called on all threads at a time.
/// @throws structure_error inside of a fiber, and for a count of 0; what `run` throws.
/// Blocks the thread.
template <class F>
void run_threads(std::size_t count, const run_options& options, F&& f) {
  detail::check_thread_count(count);
  run(options, [&] {
    with_scope([&](scope& s) {
      for (std::size_t i = 1; i < count; ++i) {
        const auto body = [&f, i] { f(i); };
        s.spin(detail::on_own_thread<decltype(body)>{body});
      }
      f(std::size_t{0});
    });
  });
}
template <class F>
void run_threads(std::size_t count, F&& f) {
  run_threads(count, run_options{}, std::forward<F>(f));
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Starting fibers.

#include <motet/call_site.hpp>
#include <motet/detail/callable.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/fiber.hpp>

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace motet {

/// Whether a fiber that is stopped before its first run still runs to its first point.
enum class start_policy : std::uint8_t { unless_stopped, always };

struct spin_options {
  /// For messages and dumps; copied.
  std::string_view name = {};
  /// In bytes; 0 takes that of `run_options`. Only what is used takes memory.
  std::size_t stack_size = 0;
  start_policy start = start_policy::unless_stopped;
  /// How many messages `send` lets wait; 0 is no limit.
  std::size_t mailbox = 0;
  /// Keep callable and arguments after the end, so that `restart` can run them again.
  bool restartable = false;
  call_site where = call_site::here();
};

namespace detail {

/// A control block with room for a body of this size behind it; the caller fills it.
struct new_fiber {
  fiber_state* state;
  void* body;
};
new_fiber allocate_fiber(const spin_options& options, std::size_t size,
                         std::size_t align);
/// Undoes it, if the body could not be made.
void abandon_fiber(fiber_state& fresh) noexcept;
/// Puts it under `home` (null: the fiber that runs) and on the run queue.
fiber_handle start_fiber(fiber_state& fresh, const body_operations& operations,
                         cancel_scope* home);

/// The fiber uses what the call that has just spun it owns: it cannot go elsewhere.
void bind_to_home(const fiber_ref& child) noexcept;
/// Where daemons live: the main fiber's node for them.
[[nodiscard]] cancel_scope* daemon_home();

template <class F, class... Args>
auto spin_in(cancel_scope* home, const spin_options& options, F&& f, Args&&... args) {
  using result = call_result_t<F, Args...>;
  using body = fiber_body<result, std::decay_t<F>, std::decay_t<Args>...>;
  const new_fiber fresh = allocate_fiber(options, sizeof(body), alignof(body));
  try {
    ::new (fresh.body) body(std::forward<F>(f), std::forward<Args>(args)...);
  } catch (...) {
    abandon_fiber(*fresh.state);
    throw;
  }
  return fiber<result>(start_fiber(*fresh.state, body::operations, home));
}

template <class F>
inline constexpr bool is_options = std::is_same_v<std::remove_cvref_t<F>, spin_options>;

/// Whether these are a callable and its first argument, not options or a call site.
template <class F, class A>
inline constexpr bool is_call =
    !is_options<F> && !std::is_same_v<std::remove_cvref_t<A>, call_site>;

}  // namespace detail

/// Starts a fiber that runs `f()`; it belongs to the fiber that calls this, which does
/// not end before it. It is put at the end of the run queue.
/// @throws std::system_error if there is no memory for a stack. Never parks.
template <class F>
requires(!detail::is_options<F>) auto spin(F&& f, call_site where = call_site::here()) {
  return detail::spin_in(nullptr, {.where = where}, std::forward<F>(f));
}

/// Starts a fiber that runs `f(args...)`. It owns copies of `f` and `args` and lends them
/// to `f` as lvalues (std::ref stays a wrapper; take move-only ones by reference).
/// Never parks.
template <class F, class A, class... Args>
requires detail::is_call<F, A>
auto spin(F&& f, A&& first, Args&&... args) {
  return detail::spin_in(nullptr, {.where = {}}, std::forward<F>(f),
                         std::forward<A>(first), std::forward<Args>(args)...);
}

/// As above, with options: `spin({.name = "feed"}, f, args...)`. Never parks.
template <class F, class... Args>
auto spin(const spin_options& options, F&& f, Args&&... args) {
  return detail::spin_in(nullptr, options, std::forward<F>(f),
                         std::forward<Args>(args)...);
}

/// Starts a fiber that lives in the main fiber, whoever calls this, and keeps nobody:
/// when the main fiber and its children are done it is stopped and awaited. Its error, if
/// nobody awaits or monitors it, goes to `run_options::on_unhandled`. Never parks.
template <class F>
requires(!detail::is_options<F>) auto spin_daemon(F&& f,
                                                  call_site where = call_site::here()) {
  return detail::spin_in(detail::daemon_home(), {.where = where}, std::forward<F>(f));
}
/// As above, with arguments. Never parks.
template <class F, class A, class... Args>
requires detail::is_call<F, A>
auto spin_daemon(F&& f, A&& first, Args&&... args) {
  return detail::spin_in(detail::daemon_home(), {.where = {}}, std::forward<F>(f),
                         std::forward<A>(first), std::forward<Args>(args)...);
}
/// As above, with options. Never parks.
template <class F, class... Args>
auto spin_daemon(const spin_options& options, F&& f, Args&&... args) {
  return detail::spin_in(detail::daemon_home(), options, std::forward<F>(f),
                         std::forward<Args>(args)...);
}

}  // namespace motet

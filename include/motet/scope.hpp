// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Blocks that do not end before the fibers spun in them.

#include <motet/cancel.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/detail/finalizer.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/start.hpp>
#include <motet/detail/sure_allocator.hpp>
#include <motet/error.hpp>
#include <motet/ready_signal.hpp>
#include <motet/scope_ref.hpp>
#include <motet/spin.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

namespace detail {
void become_daemon(const fiber_ref& child) noexcept;
}

/// What a child's error does to the scope.
enum class error_policy : std::uint8_t {
  fail,     ///< Cancels the others; the scope throws it.
  isolate,  ///< Nothing: it is that child's own, and goes to `run_options::on_unhandled`.
};

struct scope_options {
  error_policy errors = error_policy::fail;
};

/// The block one is in. Borrowed: not to be used after the block.
/// Same thread only; the block's fiber and all below it may use it.
class scope : private detail::cancel_scope {
 public:
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  /// Starts a fiber that ends before the block does. In a scope that is cancelled it
  /// never runs. @throws structure_error once the scope has been left. Never parks.
  template <class F>
  requires(!detail::is_options<F>) auto spin(F&& f, call_site where = call_site::here()) {
    return detail::spin_in(open_node(), {.where = where}, std::forward<F>(f));
  }
  /// As above, with arguments. Never parks.
  template <class F, class A, class... Args>
  requires detail::is_call<F, A>
  auto spin(F&& f, A&& first, Args&&... args) {
    return detail::spin_in(open_node(), {.where = {}}, std::forward<F>(f),
                           std::forward<A>(first), std::forward<Args>(args)...);
  }
  /// As above, with options. Never parks.
  template <class F, class... Args>
  auto spin(const spin_options& options, F&& f, Args&&... args) {
    return detail::spin_in(open_node(), options, std::forward<F>(f),
                           std::forward<Args>(args)...);
  }

  /// As `spin`, but the block does not wait for it: when only such fibers are left they
  /// are stopped, and awaited. An error counts as any child's. Never parks.
  template <class F>
  requires(!detail::is_options<F>) auto spin_daemon(F&& f,
                                                    call_site where = call_site::here()) {
    return as_daemon(spin({.where = where}, std::forward<F>(f)));
  }
  /// As above, with arguments. Never parks.
  template <class F, class A, class... Args>
  requires detail::is_call<F, A>
  auto spin_daemon(F&& f, A&& first, Args&&... args) {
    return as_daemon(spin({.where = {}}, std::forward<F>(f), std::forward<A>(first),
                          std::forward<Args>(args)...));
  }
  /// As above, with options. Never parks.
  template <class F, class... Args>
  auto spin_daemon(const spin_options& options, F&& f, Args&&... args) {
    return as_daemon(spin(options, std::forward<F>(f), std::forward<Args>(args)...));
  }

  /// Starts a fiber and parks until it says that it is ready: it runs `f(ready, args...)`
  /// with a `ready_signal<T>`, and calls `ready(value)`; that value is returned. Until
  /// then its error is the caller's, later one of the scope's. If the wait is cancelled
  /// the fiber is stopped.
  /// @throws structure_error if it ends without; fiber_stopped if it was stopped.
  /// Cancellation point.
  template <class T = void, class F>
  requires(!detail::is_options<F>) auto spin_ready(F&& f,
                                                   call_site where = call_site::here()) {
    return detail::start<T>(open_node(), {.where = where}, std::forward<F>(f));
  }
  /// As above, with arguments. Cancellation point.
  template <class T = void, class F, class A, class... Args>
  requires detail::is_call<F, A>
  auto spin_ready(F&& f, A&& first, Args&&... args) {
    return detail::start<T>(open_node(), {.where = {}}, std::forward<F>(f),
                            std::forward<A>(first), std::forward<Args>(args)...);
  }
  /// As above, with options. Cancellation point.
  template <class T = void, class F, class... Args>
  auto spin_ready(const spin_options& options, F&& f, Args&&... args) {
    return detail::start<T>(open_node(), options, std::forward<F>(f),
                            std::forward<Args>(args)...);
  }

  /// Has `f()` called, shielded, when all fibers of the block have ended; what was added
  /// last comes first. All are called; the block throws their errors.
  /// @throws structure_error once that has begun, having called `f` at once. Never parks.
  template <class F>
  void on_exit(F&& f, call_site where = call_site::here()) {
    add_finalizer(detail::make_finalizer(std::forward<F>(f), where));
  }

  /// Asks everything in the block to stop; the block ends quietly. Never parks.
  bool cancel(std::string_view why = {}, call_site where = call_site::here());
  /// Asks everything in the block to stop; the block throws `error`. Never parks.
  template <throwable E>
  void fail(E error) {
    fail(std::make_exception_ptr(std::move(error)));
  }
  /// As above. Never parks.
  void fail(std::exception_ptr error);
  /// How many of its fibers have not ended. Never parks.
  [[nodiscard]] std::size_t size() const noexcept;
  /// A name for it that may outlive it. Never parks.
  [[nodiscard]] scope_ref ref() const;

 private:
  friend class scope_ref;
  template <class F>
  friend auto with_scope(scope_options options, F&& f);

  explicit scope(scope_options options);
  ~scope() = default;
  void run(detail::function_ref<void(scope&)> body, bool has_result);
  void finish(std::exception_ptr unwound, bool has_result);
  bool cancel_as(cancel_kind kind, std::string_view why, call_site where);
  [[noreturn]] void throw_errors(detail::fiber_state& self);
  void body_failed(const std::exception_ptr& error);
  void keep(std::exception_ptr error);
  static void hear_of_child(detail::cancel_scope& node,
                            detail::fiber_state& child) noexcept;
  void hear_of_end(detail::fiber_state& child) noexcept;
  template <class Fiber>
  static Fiber as_daemon(Fiber fiber) {
    detail::become_daemon(fiber);
    return fiber;
  }
  void check_thread(const char* what) const;
  void add_finalizer(detail::owner<detail::finalizer> last);
  void finalize();
  detail::cancel_scope* open_node();
  static scope* find(const fiber_ref& where, std::uint64_t id) noexcept;

  scope_options options_;
  detail::error_list errors_;
  std::size_t dropped_ = 0;
  detail::owner<detail::finalizer> finalizers_;  ///< The last one first.
  detail::fiber_handle source_;                  ///< Of the first error, if a child's.
  std::uint64_t id_ = 0;
  bool closed_ = false;
  bool cut_short_ = false;  ///< A child was stopped by what lies outside of it.
};

/// Runs `f(scope&)`, then waits for every fiber spun in the scope. If one fails, or `f`
/// does, the others are cancelled, and the error is thrown when all have ended; two or
/// more as an `exception_group`.
/// Leaving throws `cancelled` only if a child was stopped because of a scope further out.
/// @returns what `f` returns. @throws cancel_error if the scope was cancelled and there
/// is no result to return. Cancellation point if `f` has one.
template <class F>
auto with_scope(scope_options options, F&& f) {
  using R = std::invoke_result_t<F&, scope&>;
  if constexpr (std::is_void_v<R>) {
    scope block(options);
    block.run([&](scope& s) { f(s); }, false);
  } else {
    std::optional<R> result;
    scope block(options);
    block.run([&](scope& s) { result.emplace(f(s)); }, true);
    return std::move(*result);
  }
}
template <class F>
auto with_scope(F&& f) {
  return with_scope(scope_options{}, std::forward<F>(f));
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Holding requests to stop off for the length of a block: shields, and masks, which are
/// weaker.

#include <motet/call_site.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/detail/timed_scope.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Remembers what the fiber let in when a block was entered, and puts that back.
class entry_guard {
 public:
  entry_guard(const entry_guard&) = delete;
  entry_guard& operator=(const entry_guard&) = delete;
  ~entry_guard() {
    chain_.wall = wall_;
    chain_.masked = masked_;
    chain_.guard = outer_;
  }

  /// The block goes on in a scope of its own.
  void move_in() noexcept { inside_ = chain_.innermost; }

 protected:
  entry_guard()
      : chain_(current_chain()),
        wall_(chain_.wall),
        inside_(chain_.innermost),
        outer_(chain_.guard),
        masked_(chain_.masked) {
    chain_.guard = this;
  }

  scope_chain& chain_;

 private:
  friend class reopened;
  cancel_scope* const wall_;
  cancel_scope* inside_;
  entry_guard* const outer_;
  const bool masked_;
};

/// Puts all open scopes out of sight.
class shield_guard : public entry_guard {
 public:
  shield_guard() { chain_.wall = chain_.innermost; }
};

/// Leaves it to waits that park to look.
class mask_guard : public entry_guard {
 public:
  mask_guard() { chain_.masked = true; }
};

/// While it lives, a shield or mask is open again, if nothing else was entered since.
/// Looks for cancellation first.
class reopened {
 public:
  explicit reopened(entry_guard& block);
  reopened(const reopened&) = delete;
  reopened& operator=(const reopened&) = delete;
  ~reopened() { close(); }

 private:
  void close() noexcept;

  scope_chain& chain_;
  const scope_chain closed_;
};

}  // namespace detail

/// Opens the shield or mask it comes from, for a part of it: `restore([&] { use(held);
/// })`. Works in the block's own fiber and directly in the block only: inside a further
/// shield or scope it runs what it is given and opens nothing.
class restore {
 public:
  explicit restore(detail::entry_guard& block) noexcept : block_(block) {}

  /// Looks for cancellation, then runs `f`.
  /// @throws structure_error in another fiber. Cancellation point.
  template <class F>
  decltype(auto) operator()(F&& f) const {
    const detail::reopened open(block_);
    return std::forward<F>(f)();
  }

 private:
  detail::entry_guard& block_;
};

namespace detail {

template <class F>
decltype(auto) call_guarded(entry_guard& guard, F& f) {
  if constexpr (std::is_invocable_v<F&, restore>) {
    return f(restore(guard));
  } else {
    return f();
  }
}
template <class F>
using guarded_result =
    decltype(call_guarded(std::declval<entry_guard&>(), std::declval<F&>()));

}  // namespace detail

/// Runs `f`, into which no request and no raised exception from outside gets. Scopes and
/// timeouts inside work; fibers spun inside start open. `f` may take a `restore`.
/// Never parks by itself.
template <class F>
decltype(auto) shield(F&& f) {
  detail::shield_guard guard;
  return detail::call_guarded(guard, f);
}

/// As above, for `grace` at most, which a second SIGINT or SIGTERM cuts short.
/// @returns the result, or nothing if time ran out (`bool` if `f` returns void). Never
/// parks by itself.
template <class Rep, class Period, class F>
auto shield(std::chrono::duration<Rep, Period> grace, F&& f,
            call_site where = call_site::here()) {
  using R = detail::guarded_result<F>;
  detail::shield_guard guard;
  detail::timed_scope clock(detail::saturate(grace), where);
  clock.call_it_grace();
  if constexpr (std::is_void_v<R>) {
    return clock.run([&] {
      guard.move_in();
      detail::call_guarded(guard, f);
    });
  } else {
    std::optional<std::remove_cvref_t<R>> result;
    clock.run([&] {
      guard.move_in();
      result.emplace(detail::call_guarded(guard, f));
    });
    return result;
  }
}

/// Runs `f`, in which calls that need not park do not throw, nor do `checkpoint` and
/// `yield`; those that really have to park do: what is held cannot be lost between two
/// steps, and yet the block does not hang. `f` may take a `restore`.
/// Never parks by itself.
template <class F>
decltype(auto) mask(F&& f) {
  detail::mask_guard guard;
  return detail::call_guarded(guard, f);
}

/// Throws what is pending as if the innermost shield or mask were open: a hole in a long
/// one. In a scope opened inside of it, a `checkpoint`. Cancellation point.
void allow_cancel();

/// How much of a request to stop gets into where the fiber is.
enum class masking_state : std::uint8_t {
  open,      ///< All of it, at every point.
  masked,    ///< What comes while it is parked.
  shielded,  ///< Nothing: a shield, or an unwinding that runs destructors.
};

namespace this_fiber {
/// Of scopes further out, that is; those opened since deliver as ever. Never parks.
[[nodiscard]] masking_state masking() noexcept;
}  // namespace this_fiber

}  // namespace motet

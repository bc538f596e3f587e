// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is done on the way out of a block, however it is left.

#include <motet/call_site.hpp>
#include <motet/cancel.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/shield.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Runs `f` shielded. What it throws is kept for the boundary of the scope one is in.
void finalize(function_ref<void()> f, const call_site& where) noexcept;
/// Runs `f` while an error is being handled, to whose cause goes what `f` throws.
void run_beside_error(function_ref<void()> f);

}  // namespace detail

/// Runs `f` when it goes: `const finally bye([&] { say_bye(peer); });`. Shielded, so that
/// `f` may park.
///
/// What `f` throws is not lost: the innermost scope, timeout or fiber around it adds it
/// to the cause of an error that leaves the block; otherwise it throws it itself, in
/// place of a value or a stop. Same thread only.
template <class F>
class finally {
 public:
  [[nodiscard]] explicit finally(F f, call_site where = call_site::here())
      : f_(std::move(f)), where_(where) {}
  finally(const finally&) = delete;
  finally& operator=(const finally&) = delete;
  /// Parks if `f` does.
  ~finally() {
    detail::finalize([this] { f_(); }, where_);
  }

 private:
  F f_;
  call_site where_;
};

/// Runs `body`; if that is cancelled, runs `handler`, shielded, on the way out. `handler`
/// may take the `cancel_reason`. An error is none of its business. Cancellation point if
/// `body` has one.
template <class Handler, class F>
decltype(auto) on_cancel(Handler&& handler, F&& body,
                         call_site where = call_site::here()) {
  try {
    return detail::invoke(body);
  } catch (const cancelled& c) {
    shield(
        [&] {
          if constexpr (std::is_invocable_v<Handler&, const cancel_reason&>) {
            handler(c.reason());
          } else {
            handler();
          }
        },
        where);
    throw;
  }
}

namespace detail {

/// `use` in sight of what lies outside, then `release`, whatever comes of it.
template <class U, class R>
auto use_then_release(const restore& open, U use, R release) {
  using result = std::invoke_result_t<U&>;
  using held = std::conditional_t<std::is_void_v<result>, bool, std::optional<result>>;
  held made{};
  try {
    if constexpr (std::is_void_v<result>) {
      open(use);
    } else {
      made.emplace(open(use));
    }
  } catch (const cancelled&) {
    release();  // its error says that cancelled and cleaned up is not what happened
    throw;
  } catch (...) {
    run_beside_error(release);
    throw;
  }
  release();
  if constexpr (!std::is_void_v<result>) return *std::move(made);
}

}  // namespace detail

/// `use(held)` of what `acquire()` returned, then `release(held)`. Only `use` can be
/// cancelled; once `acquire` has returned, `release` runs.
/// @returns what `use` returns. @throws what one of them throws; an error of `release`
/// goes to the cause of one of `use`. Cancellation point.
template <class Acquire, class Use, class Release>
auto acquire_use_release(Acquire&& acquire, Use&& use, Release&& release,
                         call_site where = call_site::here()) {
  checkpoint();
  const auto shielded = [&](const restore& open) {
    if constexpr (std::is_void_v<std::invoke_result_t<Acquire&>>) {
      acquire();
      return detail::use_then_release(
          open, [&] { return use(); }, [&] { release(); });
    } else {
      auto&& held = acquire();
      return detail::use_then_release(
          open, [&] { return use(held); }, [&] { release(held); });
    }
  };
  return shield(shielded, where);
}

}  // namespace motet

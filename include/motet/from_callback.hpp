// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for code that calls back when it is done.

#include <motet/call_site.hpp>
#include <motet/detail/callback_state.hpp>
#include <motet/detail/result_slot.hpp>
#include <motet/fiber_ref.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

/// Resumes the fiber that waits in a `from_callback`. Copies are for the same fiber. The
/// first call of any counts; all return whether they were that. Any thread, in a fiber or
/// not, at any time.
template <class T = void>
class resumer {
 public:
  /// Made by `from_callback`.
  explicit resumer(detail::callback_state& state) noexcept : state_(state) {}

  /// Resumes it with a value. One that comes too late is left as it is. Never parks.
  template <class U = T>
  requires(!std::is_void_v<T> && std::constructible_from<T, U>) bool operator()(
      U&& value) const {
    return state_.resume([&](void* slot) {
      auto& place = *static_cast<std::optional<detail::stored<T>>*>(slot);
      if constexpr (std::is_reference_v<T>) {
        place.emplace(std::addressof(static_cast<T>(value)));
      } else {
        place.emplace(std::forward<U>(value));
      }
    });
  }
  /// As above, where there is nothing to return. Never parks.
  bool operator()() const requires std::is_void_v<T> {
    return state_.resume([](void* slot) {
      static_cast<std::optional<detail::stored<T>>*>(slot)->emplace();
    });
  }

  /// Has `from_callback` throw `error`. Never parks.
  template <throwable E>
  bool fail(E error) const {
    return state_.fail(std::make_exception_ptr(std::move(error)));
  }
  /// As above; null counts as no call. Never parks.
  bool fail(std::exception_ptr error) const { return state_.fail(std::move(error)); }

 private:
  detail::callback_handle state_;
};

/// Calls `registration(resumer<T>)`, which starts something, and parks until a resumer is
/// called. That may happen before it returns, and on any thread.
///
/// What `registration` returns, if anything, is an action that stops what it started. It
/// is called if the fiber is asked to stop while it waits: by the fiber, in a shield,
/// once it is sure that nobody will resume it. If a resumer was called before, its value
/// is returned, and the next point throws.
///
/// Under `testing::run`, time passes as on the wall meanwhile: the resumer may be called
/// by another thread.
/// @returns the value, or rethrows what `fail` was given or `registration` threw; after
/// the latter no resumer has an effect.
/// @throws structure_error outside of fibers, and when the last resumer was destroyed and
/// none was called. Cancellation point.
template <class T = void, std::invocable<resumer<T>> F>
T from_callback(F&& registration, call_site where = call_site::here()) {
  using slot = std::optional<detail::stored<T>>;
  using action = std::invoke_result_t<F, resumer<T>>;
  auto* const value = new slot;
  detail::callback_wait wait(
      value, [](void* s) noexcept { delete static_cast<slot*>(s); }, where);
  if constexpr (std::is_void_v<action>) {
    std::forward<F>(registration)(resumer<T>(wait.state()));
    wait.registered();
    wait.wait([] {});
  } else {
    static_assert(std::is_invocable_v<action&>,
                  "a registration returns nothing, or what is to be called on cancel");
    action stop_it = std::forward<F>(registration)(resumer<T>(wait.state()));
    wait.registered();
    wait.wait([&] { stop_it(); });
  }
  return detail::held_result<T>(std::exchange(*value, std::nullopt)).take();
}

}  // namespace motet

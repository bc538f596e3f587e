// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Handles that know the result type, and what a fiber can ask about itself.

#include <motet/detail/function_ref.hpp>
#include <motet/error.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/outcome.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Parks until the fiber has ended. Looks for cancellation first.
void wait_for_end(const fiber_handle& fiber, call_site where);
/// As above; then throws what an awaiter gets instead of a value: the error, or
/// `fiber_stopped`. A stopped fiber without a result passes if a verb asked it to stop.
void await_value(const fiber_handle& fiber, bool has_result, call_site where);
/// Asks it to end with the value that `store` puts into its slot.
bool move_on(const fiber_handle& fiber, function_ref<void(void*)> store, call_site where);
/// The same on another thread, where the value arrives in a message.
bool move_on_abroad(const fiber_handle& fiber, message_ptr value,
                    void (*store)(void* slot, message& from), call_site where);
[[nodiscard]] bool is_of_this_thread(const fiber_state* fiber) noexcept;
[[noreturn]] void throw_taken();

}  // namespace detail

/// A view of a fiber whose body returns `T`.
template <class T = void>
class fiber : public fiber_ref {
 public:
  using result_type = T;

  fiber() = default;

  /// Parks until the fiber has ended, and takes its result: each awaiter gets a copy; one
  /// that can only be moved goes to the first.
  /// @throws the fiber's own error; `fiber_stopped` if it was stopped and has no value
  /// (a `fiber<void>` returns if `stop`, `interrupt` or `terminate` ended it);
  /// structure_error if the value was taken; deadlock_error if it is oneself.
  /// Cancellation point.
  T await(call_site where = call_site::here()) const {
    detail::await_value(handle(), !std::is_void_v<T>, where);
    if constexpr (!std::is_void_v<T>) {
      auto value = detail::take_result<T>(get(), false);
      if (!value) detail::throw_taken();
      return detail::held_result<T>(std::move(value)).take();
    }
  }

  /// Parks until it has ended; never throws because of how. Cancellation point.
  [[nodiscard]] motet::outcome<T> outcome(call_site where = call_site::here()) const {
    detail::wait_for_end(handle(), where);
    return motet::outcome<T>(handle());
  }

  /// The outcome, if it has ended. Never parks.
  [[nodiscard]] std::optional<motet::outcome<T>> try_outcome() const {
    if (!done()) return std::nullopt;
    return motet::outcome<T>(handle());
  }

  /// Asks it to end with `value`; what its body returns all the same wins. Any thread.
  /// Never parks.
  template <class U = T>
  requires(!std::is_void_v<T> &&
           std::constructible_from<detail::stored<T>,
                                   U>) bool move_on(U&& value,
                                                    call_site where =
                                                        call_site::here()) const {
    using slot_type = detail::result_slot<T>;
    if constexpr (std::move_constructible<detail::stored<T>>) {
      if (!detail::is_of_this_thread(get()))
        return move_on_abroad(detail::stored<T>(std::forward<U>(value)), where);
    }
    return detail::move_on(
        handle(),
        [&](void* slot) {
          static_cast<slot_type*>(slot)->value.emplace(std::forward<U>(value));
        },
        where);
  }
  /// Asks it to end as if its body had returned. Never parks.
  bool move_on(call_site where = call_site::here()) const requires std::is_void_v<T> {
    if (!detail::is_of_this_thread(get())) {
      return detail::move_on_abroad(
          handle(), {},
          [](void* slot, detail::message&) {
            static_cast<detail::result_slot<T>*>(slot)->value.emplace();
          },
          where);
    }
    return detail::move_on(
        handle(),
        [](void* slot) { static_cast<detail::result_slot<T>*>(slot)->value.emplace(); },
        where);
  }

  /// `stop`, then waits for the end. Cancelling the wait does not revoke the request.
  /// Cancellation point.
  motet::outcome<T> interrupt(std::string_view why = {},
                              call_site where = call_site::here()) const {
    (void)fiber_ref::interrupt(why, where);
    return motet::outcome<T>(handle());
  }

  /// For the library.
  explicit fiber(detail::fiber_handle state) noexcept : fiber_ref(std::move(state)) {}

 private:
  bool move_on_abroad(detail::stored<T> value, call_site where) const {
    struct carried {
      detail::stored<T> value;
    };
    return detail::move_on_abroad(
        handle(), detail::make_message(carried{std::move(value)}),
        [](void* slot, detail::message& from) {
          auto& arrived = static_cast<detail::message_of<carried>&>(from).value;
          static_cast<detail::result_slot<T>*>(slot)->value.emplace(
              std::move(arrived.value));
        },
        where);
  }

  [[nodiscard]] const detail::fiber_handle& handle() const noexcept {
    return state_handle();
  }
};

/// Stops and joins its fiber when it goes, shielded.
class scoped_fiber {
 public:
  explicit scoped_fiber(fiber_ref fiber) noexcept : fiber_(std::move(fiber)) {}
  scoped_fiber(const scoped_fiber&) = delete;
  scoped_fiber& operator=(const scoped_fiber&) = delete;
  ~scoped_fiber();

  [[nodiscard]] const fiber_ref& get() const noexcept { return fiber_; }

 private:
  fiber_ref fiber_;
};

/// The fiber that runs. Outside of one: a null handle, zero, nothing.
namespace this_fiber {

/// Never parks.
[[nodiscard]] fiber_ref self() noexcept;
/// Never parks.
[[nodiscard]] std::uint64_t id() noexcept;
/// Never parks.
[[nodiscard]] std::string name();
/// When the nearest timeout in sight runs out: `time_point::max()` if there is none,
/// `time_point::min()` if the fiber is to be unwound already. Never parks.
[[nodiscard]] time_point deadline() noexcept;

}  // namespace this_fiber

}  // namespace motet

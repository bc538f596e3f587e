// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a fiber runs: its callable, arguments and result, behind one table of functions.

#include <motet/detail/invoke.hpp>
#include <motet/detail/result_slot.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace motet::detail {

/// How to handle a body whose types are forgotten. To destroy what has no destructor is
/// null: there is nothing to do.
struct body_operations {
  void (*invoke)(void* body);
  void (*destroy_call)(void* body) noexcept;    ///< The callable and its arguments.
  void (*clear_result)(void* body) noexcept;    ///< Back to no result.
  void (*destroy_result)(void* body) noexcept;  ///< Result and slot, for good.
  bool repeatable;  ///< Can be invoked again: nothing was moved out of it.
  /// The name of a fiber that has none; null: the callable does not make one.
  std::string (*name)(const void* body);
};

/// A callable with `std::string fiber_name() const`, which is asked for a name when
/// somebody wants to know: to a fiber that nobody looks at it costs nothing.
struct self_named {};

/// Arguments are lent as lvalues, so that a restart finds them again; if the callable
/// wants to have them, they are moved in, once.
template <class F, class... Args>
inline constexpr bool lends = std::is_invocable_v<F&, Args&...>;

template <class F, class... Args>
struct call_result {
  static_assert(
      lends<F, Args...> || std::is_invocable_v<F&, Args...>,
      "the callable cannot be called with these arguments: a fiber lends its "
      "arguments as lvalues, so take them by reference, or by value if they can "
      "be copied");
  using lent = std::conditional_t<lends<F, Args...>, std::invoke_result<F&, Args&...>,
                                  std::invoke_result<F&, Args...>>;
  using type = std::remove_cv_t<typename lent::type>;
};

/// What calling a decayed copy of `F` with decayed copies of `Args` yields.
template <class F, class... Args>
using call_result_t = typename call_result<std::decay_t<F>, std::decay_t<Args>...>::type;

/// What asks the callable of a `Body` for a name; null if it makes none.
template <class Body, class F>
constexpr auto namer() noexcept -> std::string (*)(const void* body) {
  if constexpr (std::derived_from<F, self_named>) {
    return [](const void* body) { return static_cast<const Body*>(body)->name(); };
  } else {
    return nullptr;
  }
}

template <class R, class F, class... Args>
class fiber_body {
 public:
  template <class G, class... As>
  explicit fiber_body(G&& f, As&&... args) {
    ::new (static_cast<void*>(&call_))
        call{std::forward<G>(f), std::tuple<Args...>(std::forward<As>(args)...)};
  }
  fiber_body(const fiber_body&) = delete;
  fiber_body& operator=(const fiber_body&) = delete;
  ~fiber_body() {}  // call_ is ended by destroy_call, slot_ by destroy_result

  [[nodiscard]] std::string name() const { return call_.f.fiber_name(); }

  static constexpr body_operations operations{
      [](void* body) { static_cast<fiber_body*>(body)->run(); },
      (std::is_trivially_destructible_v<F> && ... &&
       std::is_trivially_destructible_v<Args>)
          ? nullptr
          : +[](void* body) noexcept { end_life(static_cast<fiber_body*>(body)->call_); },
      [](void* body) noexcept {
        auto& slot = static_cast<fiber_body*>(body)->slot_;
        slot.value.reset();
        slot.taken.clear();
      },
      std::is_trivially_destructible_v<result_slot<R>>
          ? nullptr
          : +[](void* body) noexcept { end_life(static_cast<fiber_body*>(body)->slot_); },
      lends<F, Args...>,
      namer<fiber_body, F>()};

 private:
  struct call {
    F f;
    std::tuple<Args...> args;
  };

  R invoke() {
    return std::apply(
        [&](Args&... args) -> R {
          if constexpr (lends<F, Args...>) {
            return detail::invoke(call_.f, args...);
          } else {
            return detail::invoke(call_.f, std::move(args)...);
          }
        },
        call_.args);
  }

  void run() {
    if constexpr (std::is_void_v<R>) {
      invoke();
      slot_.value.emplace();
    } else if constexpr (std::is_reference_v<R>) {
      slot_.value.emplace(std::addressof(invoke()));
    } else {
      // Made in place: a result need not be movable, and replaces one set by move_on.
      slot_.value.emplace(elided{*this});
    }
  }

  /// Converts to the invocation's result, so that emplace builds it where it stays.
  struct elided {
    fiber_body& body;
    operator R() const { return body.invoke(); }  // NOLINT(google-explicit-constructor)
  };

  // First, so that it is found without knowing F: see result_of.
  union {
    result_slot<R> slot_{};
  };
  union {
    call call_;
  };
};

}  // namespace motet::detail

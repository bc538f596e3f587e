// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What a combinator runs in one of its fibers: a callable, and a place for its result.

#include <motet/detail/function_ref.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/detail/range.hpp>
#include <motet/detail/result_slot.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace motet::detail {

/// Puts the result of a call, as an `R`, into its place.
template <class R, class F, class... Args>
void call_into(std::optional<stored<R>>& place, F& f, Args&&... args) {
  if constexpr (std::is_void_v<R>) {
    detail::invoke(f, std::forward<Args>(args)...);
    place.emplace();
  } else if constexpr (std::is_reference_v<R>) {
    place.emplace(std::addressof(detail::invoke(f, std::forward<Args>(args)...)));
  } else {
    place.emplace(static_cast<R>(detail::invoke(f, std::forward<Args>(args)...)));
  }
}

template <class F>
using result_of_call = std::remove_cv_t<std::invoke_result_t<F&>>;

/// In tuples and vectors nothing is std::monostate.
template <class R>
using or_monostate = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

/// Borrows the callable: for blocks that do not end before the call.
template <class R, class F>
struct lane {
  F& f;
  std::optional<stored<R>> place{};

  explicit lane(F& call) noexcept : f(call) {}

  void operator()() { call_into<R>(place, f); }

  or_monostate<R> take() {
    if constexpr (std::is_reference_v<R>) {
      return static_cast<R>(**place);
    } else {
      return std::move(*place);
    }
  }
};

/// A range of callables that stay where they are, so that they can be lent.
template <class Range>
concept callable_range =
    rewalkable<Range> && !std::invocable<Range&> &&
    std::is_lvalue_reference_v<element_of<Range>> && std::invocable<element_of<Range>>;

template <class Range>
using callable_in = std::remove_reference_t<element_of<Range>>;

/// A lane for each of a range.
template <class R, callable_range Range>
auto lanes_of(Range& callables) {
  std::vector<lane<R, callable_in<Range>>> lanes;
  lanes.reserve(length_of(callables));
  for (auto& f : callables)
    lanes.emplace_back(f);
  return lanes;
}

}  // namespace motet::detail

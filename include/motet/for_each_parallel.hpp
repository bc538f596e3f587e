// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The same for each of many, several at a time.

#include <motet/call_site.hpp>
#include <motet/detail/each_call.hpp>
#include <motet/detail/owner.hpp>
#include <motet/scope.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

struct parallel_options {
  /// How many may be under way at a time; 0: all.
  std::size_t limit = 0;
  call_site where = call_site::here();
};

/// Runs `f(element)` for each of `range`, each in a fiber of its own, and waits for all.
/// If one fails no more are begun, those under way are cancelled, and its error is thrown
/// when they have ended; two or more as an exception_group.
///
/// The range is walked here, one step for each that is begun, and walking it may park.
/// Elements that stay where they are, as in a container, are lent to `f`; others, of an
/// input range or made on the way by a view, are kept with its fiber.
/// @returns a vector of the results, in the order of the range; nothing if void.
/// @throws fiber_stopped if somebody stopped one that has a result to give.
/// Cancellation point.
template <detail::walkable Range, class F>
requires std::invocable<F&, detail::argument_of<Range>>
auto for_each_parallel(Range&& range, const parallel_options& options, F&& f) {
  using R = detail::each_result<F, Range>;
  using place_ptr = detail::owner<std::optional<detail::stored<R>>>;
  std::vector<place_ptr> results;
  detail::parallel_gate gate(options.limit, !std::is_void_v<R>, options.where);
  with_scope([&](scope& all) {
    auto each = std::begin(range);
    const auto end = std::end(range);
    for (; each != end; gate.wait_for_room(), static_cast<void>(++each)) {
      auto& place =
          *results.emplace_back(place_ptr(new std::optional<detail::stored<R>>));
      detail::bind_to_home(
          all.spin({.where = options.where},
                   detail::each_call<R, F, Range>(gate, f, place, *each)));
    }
  });
  gate.check_ends();
  if constexpr (!std::is_void_v<R>) {
    std::vector<std::decay_t<R>> list;
    list.reserve(results.size());
    for (auto& place : results)
      list.push_back(detail::held_result<R>(std::move(*place)).take());
    return list;
  }
}

/// As above, all of them at a time. Cancellation point.
template <detail::walkable Range, class F>
requires std::invocable<F&, detail::argument_of<Range>>
auto for_each_parallel(Range&& range, F&& f, call_site where = call_site::here()) {
  return for_each_parallel(std::forward<Range>(range), {.where = where},
                           std::forward<F>(f));
}

}  // namespace motet

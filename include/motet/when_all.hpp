// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Several things at the same time, all of which are needed.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/lane.hpp>
#include <motet/detail/later.hpp>

#include <concepts>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

namespace motet {

namespace detail {

struct all_task {
  function_ref<void()> run;
  bool has_result;
};
void run_all(std::span<const all_task> tasks, call_site where);

}  // namespace detail

/// Runs each of `f` in a fiber of its own, and waits for all of them. If one fails the
/// others are cancelled, and its error is thrown when all have ended; two or more as an
/// exception_group. They may capture by reference: none outlives the call.
/// @returns a tuple of the results, with std::monostate for void; nothing if all are
/// void. @throws fiber_stopped if somebody stopped one that has a result to give.
/// Cancellation point.
template <std::invocable... F>
requires(sizeof...(F) > 0) auto when_all(F&&... f) {
  using detail::result_of_call;
  std::tuple<detail::lane<result_of_call<F>, std::remove_reference_t<F>>...> lanes{f...};
  return std::apply(
      [](auto&... lane) {
        const detail::all_task tasks[] = {{lane, !std::is_void_v<result_of_call<F>>}...};
        detail::run_all(tasks, {});
        if constexpr (!(std::is_void_v<result_of_call<F>> && ...)) {
          return std::tuple<detail::or_monostate<result_of_call<F>>...>{lane.take()...};
        }
      },
      lanes);
}

/// As above, for a range of callables of one type.
/// @returns a vector of the results, in the order of the range; nothing if void.
/// Cancellation point.
template <detail::callable_range Range>
auto when_all(Range&& callables, call_site where = call_site::here()) {
  using R = detail::result_of_call<detail::callable_in<Range>>;
  auto lanes = detail::lanes_of<R>(callables);
  std::vector<detail::later<detail::all_task, R>> tasks;
  tasks.reserve(lanes.size());
  for (auto& lane : lanes)
    tasks.push_back({lane, !std::is_void_v<R>});
  detail::run_all({tasks.data(), tasks.size()}, where);
  if constexpr (!std::is_void_v<R>) {
    std::vector<std::decay_t<R>> results;
    results.reserve(lanes.size());
    for (auto& lane : lanes)
      results.push_back(lane.take());
    return results;
  }
}

}  // namespace motet

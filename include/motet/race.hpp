// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Several ways to one result: the quickest wins.

#include <motet/call_site.hpp>
#include <motet/detail/callback.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/lane.hpp>
#include <motet/detail/later.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

/// What becomes of results that come in besides the winner's: a racer may be through
/// before it can be stopped.
template <class R>
struct race_options {
  /// Merges such a result into the winner's.
  detail::callback<R(R, R)> combine = {};
  /// Gets what nobody takes; shielded. What it throws goes to
  /// `run_options::on_unhandled`.
  detail::callback<void(R)> on_discard = {};
  call_site where = call_site::here();
};
template <>
struct race_options<void> {
  call_site where = call_site::here();
};

namespace detail {

enum class race_rule : std::uint8_t { first_success, first_end };

/// What to do with results, which are known here by their racers' numbers.
struct race_results {
  /// Merges the second into the first. @returns whether it did.
  function_ref<bool(std::size_t, std::size_t)> combine;
  function_ref<void(std::size_t)> discard;
};

/// @returns whose result is the result.
std::size_t run_race(race_rule rule, std::span<const function_ref<void()>> racers,
                     const race_results& results, call_site where);

/// The results of all lanes have one type.
template <class... F>
using race_result = std::common_type_t<std::invoke_result_t<F&>...>;
template <callable_range Range>
using range_race_result = race_result<callable_in<Range>>;

template <class R>
R race_in(race_rule rule, const race_options<R>& options,
          std::span<const function_ref<void()>> racers,
          std::span<std::optional<stored<R>>* const> places) {
  const auto combine = [&](std::size_t into, std::size_t from) {
    if constexpr (!std::is_void_v<R>) {
      if (!options.combine) return false;
      places[into]->emplace(
          options.combine(std::move(**places[into]), std::move(**places[from])));
    }
    return !std::is_void_v<R>;
  };
  const auto discard = [&](std::size_t which) {
    if constexpr (!std::is_void_v<R>) {
      if (options.on_discard) options.on_discard(std::move(**places[which]));
    }
  };
  const std::size_t winner = run_race(rule, racers, {combine, discard}, options.where);
  if constexpr (!std::is_void_v<R>) return std::move(**places[winner]);
}

template <class R, class... F>
R race_each(race_rule rule, const race_options<R>& options, F&... f) {
  std::tuple<lane<R, F>...> lanes{f...};
  return std::apply(
      [&](auto&... lane) {
        const function_ref<void()> racers[] = {lane...};
        std::optional<stored<R>>* const places[] = {&lane.place...};
        return race_in<R>(rule, options, racers, places);
      },
      lanes);
}

template <class R, class Range>
R race_range(race_rule rule, const race_options<R>& options, Range& callables) {
  auto lanes = lanes_of<R>(callables);
  const std::vector<later<function_ref<void()>, R>> racers(lanes.begin(), lanes.end());
  std::vector<std::optional<stored<R>>*> places;
  places.reserve(lanes.size());
  for (auto& lane : lanes)
    places.push_back(&lane.place);
  return race_in<R>(rule, options, racers, places);
}

}  // namespace detail

/// Runs each of `f` in a fiber of its own. The first that succeeds wins: the others are
/// stopped, and have ended when its result is returned. They may capture by reference.
/// An error before that is passed over (it goes to the cause of the fiber that races),
/// one after it goes to `run_options::on_unhandled`. A racer that somebody stopped fails
/// with fiber_stopped. If all fail, the error is thrown; two or more as an
/// exception_group, in the order of their ends.
/// @returns the result, as the common type of all. Cancellation point.
template <std::invocable... F>
requires(sizeof...(F) > 0) auto race(F&&... f) -> detail::race_result<F...> {
  using R = detail::race_result<F...>;
  return detail::race_each<R>(detail::race_rule::first_success, {.where = {}}, f...);
}
/// As above, and says what becomes of results that come in besides the winner's:
/// `race({.combine = merge, .on_discard = close}, f...)`. Cancellation point.
template <std::invocable... F>
requires(sizeof...(F) >
         0) auto race(const race_options<detail::race_result<F...>>& options, F&&... f)
    -> detail::race_result<F...> {
  return detail::race_each(detail::race_rule::first_success, options, f...);
}
/// As above, for a range of callables of one type. @throws structure_error if there are
/// none. Cancellation point.
template <detail::callable_range Range>
auto race(Range&& callables, call_site where = call_site::here())
    -> detail::range_race_result<Range> {
  using R = detail::range_race_result<Range>;
  return detail::race_range<R>(detail::race_rule::first_success, {.where = where},
                               callables);
}
/// As above. Cancellation point.
template <detail::callable_range Range>
auto race(const race_options<detail::range_race_result<Range>>& options,
          Range&& callables) -> detail::range_race_result<Range> {
  return detail::race_range(detail::race_rule::first_success, options, callables);
}

/// As `race`, but the first to end decides: if that is by an error, it is thrown.
/// Cancellation point.
template <std::invocable... F>
requires(sizeof...(F) > 0) auto race_first(F&&... f) -> detail::race_result<F...> {
  using R = detail::race_result<F...>;
  return detail::race_each<R>(detail::race_rule::first_end, {.where = {}}, f...);
}
/// As above, with options. Cancellation point.
template <std::invocable... F>
requires(sizeof...(F) >
         0) auto race_first(const race_options<detail::race_result<F...>>& options,
                            F&&... f) -> detail::race_result<F...> {
  return detail::race_each(detail::race_rule::first_end, options, f...);
}
/// As above, for a range of callables of one type. Cancellation point.
template <detail::callable_range Range>
auto race_first(Range&& callables, call_site where = call_site::here())
    -> detail::range_race_result<Range> {
  using R = detail::range_race_result<Range>;
  return detail::race_range<R>(detail::race_rule::first_end, {.where = where}, callables);
}
/// As above. Cancellation point.
template <detail::callable_range Range>
auto race_first(const race_options<detail::range_race_result<Range>>& options,
                Range&& callables) -> detail::range_race_result<Range> {
  return detail::race_range(detail::race_rule::first_end, options, callables);
}

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for several fibers.

#include <motet/call_site.hpp>
#include <motet/detail/later.hpp>
#include <motet/detail/range.hpp>
#include <motet/fiber.hpp>
#include <motet/fiber_ref.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace motet {

namespace detail {

template <class T>
auto await_for_tuple(const fiber<T>& f) {
  if constexpr (std::is_void_v<T>) {
    f.await();
    return std::monostate{};
  } else {
    return f.await();
  }
}
void await_all_ended(const fiber_ref* const* fibers, std::size_t count,
                     call_site where = {});
[[nodiscard]] std::size_t first_ended(const fiber_ref* const* fibers, std::size_t count,
                                      call_site where = {});

}  // namespace detail

/// Waits for all of them. If one fails the others are stopped, and its error is thrown
/// once all have ended. `void` becomes std::monostate. Cancellation point.
template <class... T>
requires(sizeof...(T) > 0) auto await_all(const fiber<T>&... fibers) {
  const fiber_ref* const list[] = {&fibers...};
  detail::await_all_ended(list, sizeof...(T));
  if constexpr (!(std::is_void_v<T> && ...)) {
    return std::tuple{detail::await_for_tuple(fibers)...};
  }
}

/// As above, for a range of fibers of one type. Cancellation point.
template <class Range>
requires requires(Range& r) {
  typename std::decay_t<decltype(*r.begin())>::result_type;
}
auto await_all(const Range& fibers, call_site where = call_site::here()) {
  using T = typename std::decay_t<decltype(*fibers.begin())>::result_type;
  std::vector<detail::later<const fiber_ref*, Range>> list;
  for (const fiber<T>& each : fibers)
    list.push_back(&each);
  detail::await_all_ended(list.data(), list.size(), where);
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> results;
    results.reserve(list.size());
    for (const fiber<T>& each : fibers)
      results.push_back(each.await());
    return results;
  }
}

/// Waits for the first of them to end, however it does; the others go on. Its error is
/// not thrown here, but to who awaits it.
/// @returns which: the lowest number, if several have ended already. Cancellation point.
template <std::derived_from<fiber_ref>... F>
requires(sizeof...(F) > 0) std::size_t first_of(const F&... fibers) {
  const fiber_ref* const list[] = {&fibers...};
  return detail::first_ended(list, sizeof...(F));
}

/// As above, for a range of fibers. @throws structure_error if there are none.
/// Cancellation point.
template <detail::rewalkable Range>
requires std::derived_from<detail::value_of<Range>, fiber_ref> std::size_t first_of(
    const Range& fibers, call_site where = call_site::here()) {
  std::vector<detail::later<const fiber_ref*, Range>> list;
  for (const fiber_ref& each : fibers)
    list.push_back(&each);
  return detail::first_ended(list.data(), list.size(), where);
}

}  // namespace motet

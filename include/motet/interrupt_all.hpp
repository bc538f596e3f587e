// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Stopping many fibers, and waiting for all of them.

#include <motet/call_site.hpp>
#include <motet/detail/later.hpp>
#include <motet/fiber.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/outcome.hpp>

#include <concepts>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace motet {

namespace detail {

/// Asks all to stop, then waits for all.
void interrupt_each(const fiber_ref* const* fibers, std::size_t count,
                    std::string_view why, call_site where);

/// What is known of a fiber once it has ended: its outcome, if the handle has its type.
template <class Handle>
struct known_end {
  using type = ending;
};
template <class Handle>
requires requires {
  typename Handle::result_type;
}
struct known_end<Handle> {
  using type = outcome<typename Handle::result_type>;
};

}  // namespace detail

/// Asks all fibers of a range to stop, then waits until all have ended: as long as the
/// slowest takes. Cancelling the wait does not revoke the requests.
/// @returns how each has ended: its outcome for a range of `fiber<T>`, else an `ending`.
/// @throws deadlock_error if one of them is oneself; nobody is stopped then.
/// Cancellation point.
template <class Range>
requires requires(const Range& r) {
  { *r.begin() } -> std::convertible_to<const fiber_ref&>;
}
auto interrupt_all(const Range& fibers, std::string_view why = {},
                   call_site where = call_site::here()) {
  using handle = std::decay_t<decltype(*fibers.begin())>;
  std::vector<detail::later<const fiber_ref*, Range>> list;
  for (const fiber_ref& each : fibers)
    list.push_back(&each);
  detail::interrupt_each(list.data(), list.size(), why, where);
  std::vector<typename detail::known_end<handle>::type> ends;
  ends.reserve(list.size());
  for (const fiber_ref* each : list)
    ends.emplace_back(each->state_handle());
  return ends;
}

/// As above: `interrupt_all({feed, api}, "closing")`. Cancellation point.
std::vector<ending> interrupt_all(std::initializer_list<fiber_ref> fibers,
                                  std::string_view why = {},
                                  call_site where = call_site::here());

/// As above, for fibers of any types. Cancellation point.
template <class First, class... More>
requires std::derived_from<First, fiber_ref> &&(std::derived_from<More, fiber_ref>&&...)
    std::vector<ending> interrupt_all(const First& first, const More&... more) {
  return interrupt_all(std::initializer_list<fiber_ref>{first, more...});
}

}  // namespace motet

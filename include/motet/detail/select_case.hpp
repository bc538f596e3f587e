// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The parts of a select that do not depend on what its values are.

#include <motet/call_site.hpp>
#include <motet/detail/channel_core.hpp>
#include <motet/time.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motet::detail {

enum class select_kind : std::uint8_t { receive, send, after };

/// One of the things that a select waits for.
struct select_case {
  select_kind kind;
  channel_core* at = nullptr;  ///< Null: it waits for time to pass.
  void* value = nullptr;       ///< What is sent, or the room for what is received.
  duration span{};
  call_site where;
  /// The channels of all cases by address, this many cases in: so their gates are locked.
  channel_core* by_address = nullptr;
  /// For the place in the channel's queue.
  alignas(std::max_align_t) std::byte room[208] = {};
};

/// Waits until one of them can happen and lets it. @returns which.
std::size_t select_one(std::span<select_case> cases);

template <class C>
concept selectable = requires(C& c) {
  { c.prepare() } -> std::same_as<select_case>;
  c.finish();
};

/// What is done when nothing was given to do.
struct do_nothing {
  void operator()() const noexcept {}
};

}  // namespace motet::detail

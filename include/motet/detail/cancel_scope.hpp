// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A node of the cancel tree: a fiber, a timeout block or a scope.
///
/// The nodes of one fiber form a stack on its stack: `chain.innermost` is the top, every
/// node's `parent` the next one out, and the root's parent is the node in another fiber
/// that the fiber was spun in.

#include <motet/time.hpp>

#include <cstdint>

namespace motet::detail {

class supervisor;  // lib/fiber/supervisor.hpp
struct fiber_state;
struct request_record;  // lib/core/request.hpp: who asked, why, where, when
struct cancel_scope;

struct entered_block;  // motet/shield.hpp

/// What a fiber sees of the nodes it is in.
struct scope_chain {
  cancel_scope* innermost = nullptr;
  /// A shield's mark: this node and those around it are out of sight. Null: none is.
  cancel_scope* wall = nullptr;
  /// Only waits that really have to park are cut short.
  bool masked = false;
  /// How many `no_suspend` blocks the fiber is in.
  std::uint8_t no_suspend = 0;
  /// The innermost shield or mask the fiber is in.
  entered_block* block = nullptr;
};

/// An entry of the scheduler's timer heap. `order` breaks ties: first come, first served,
/// but scopes before sleepers.
struct timer {
  static constexpr std::uint32_t not_armed = UINT32_MAX;

  time_point deadline = time_point::max();
  std::uint64_t order = 0;
  void (*expired)(timer&) noexcept = nullptr;
  std::uint32_t position = not_armed;

  [[nodiscard]] bool armed() const noexcept { return position != not_armed; }
};

/// The fibers whose lives end before a node's does, oldest first.
struct fiber_list {
  fiber_state* first = nullptr;
  fiber_state* last = nullptr;
};

struct cancel_scope {
  cancel_scope* parent = nullptr;
  fiber_state* fiber = nullptr;
  /// Not null: asked to stop, until it is left. The first request, with later ones
  /// behind.
  request_record* request = nullptr;
  fiber_list children;
  /// How many of the children have not ended; the others can be restarted.
  std::uint32_t living = 0;
  /// How many more there are that end with the node instead of being waited for.
  std::uint32_t daemons = 0;
  /// Hears of every child's end. Null: a child's error is raised into the fiber.
  void (*child_ended)(cancel_scope&, fiber_state& child) noexcept = nullptr;
  /// Takes every fiber that comes into the node under its care; null: nobody does.
  supervisor* supervised_by = nullptr;
  /// When the node will be asked to stop by itself; null if it has no deadline.
  const timer* clock = nullptr;
  /// std::uncaught_exceptions() on entry: at any other count the node does not deliver.
  unsigned uncaught = 0;
  /// The fiber waits for the last child to end, to leave the node.
  bool joining = false;
  /// The deadline is a grace, which a second signal cuts short.
  bool grace = false;
  /// Nothing from further out gets to the fibers that were spun in this node.
  bool cut = false;
  /// A std::stop_token was asked for in it.
  bool has_token = false;
};

/// The chain of the fiber that runs. Throws structure_error outside of one.
[[nodiscard]] scope_chain& current_chain();

}  // namespace motet::detail

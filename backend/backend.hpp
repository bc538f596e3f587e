// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What carries operations to the kernel and back: the seam between fibers and a system.
///
/// A backend never calls its user. It is given operations and returns them; who waits for
/// an operation, and what happens then, is none of its business.

#include "backend/operation.hpp"

#include <motet/detail/sure_allocator.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace motet {

/// Same thread only, except `wake`.
class backend {
 public:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;
  virtual ~backend() = default;

  /// Starts `op`, at the latest when `poll` is called. What cannot be started comes back
  /// from `poll` as failed, so that callers have a single path.
  virtual void submit(operation& op) noexcept = 0;

  /// Asks `op`, which is in flight, to end early. It comes back from `poll` all the same:
  /// with -ECANCELED and no effect, or with its own result if that was first. Asking
  /// twice does no harm.
  virtual void cancel(operation& op) noexcept = 0;

  /// Waits until some operation is complete, `wake` is called, or `until` has come;
  /// `time_point::min()` does not wait. May return early with nothing.
  /// @returns the completed operations, oldest first; they are the caller's again.
  [[nodiscard]] virtual operation* poll(time_point until) noexcept = 0;

  /// Takes back bytes that it has lent (`multishot::lent`).
  virtual void give_back(std::byte* lent) noexcept { detail::free_surely(lent); }

  /// Makes the `poll` under way, or else the next one, return at once. Safe on any thread
  /// and in signal handlers.
  virtual void wake() noexcept = 0;

  /// Answers what needs no waiting.
  /// @returns >= 0, or -errno.
  [[nodiscard]] virtual std::int32_t answer(const call& question) noexcept = 0;

  /// Whether some other thread is at work that will call `wake`. Simulated time must not
  /// run ahead of it: a clock that jumps is to pass as real time does meanwhile.
  virtual void expect_wakes(bool) noexcept {}

  /// The time that `poll` waits by.
  [[nodiscard]] virtual time_point now() const noexcept = 0;

  /// Whether `now` only moves when `poll` or `advance` says so.
  [[nodiscard]] virtual bool simulated() const noexcept { return false; }

  /// Whether something will happen by itself, with no fiber doing anything: in simulated
  /// time, where it means that what is parked may come back.
  [[nodiscard]] virtual bool under_way() const noexcept { return false; }

  /// Lets simulated time pass. A backend on real time cannot.
  virtual void advance(duration) noexcept {}

  /// Whether `poll` lets others run: callbacks of whoever has lent the loop it waits in.
  [[nodiscard]] virtual bool calls_others() const noexcept { return false; }

  /// How many operations are out: submitted, and not yet returned by `poll`.
  [[nodiscard]] virtual std::size_t in_flight() const noexcept = 0;

  /// How many simulated descriptors are open; 0 where the kernel has them.
  [[nodiscard]] virtual std::size_t open_descriptors() const noexcept { return 0; }

  [[nodiscard]] virtual const char* name() const noexcept = 0;
};

}  // namespace motet

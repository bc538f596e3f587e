// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Waiting for each other, again and again.
///
///     barrier step(workers, [&]() noexcept { std::swap(now, next); });
///     for (;;) { compute(part); step.arrive_and_wait(); }

#include <motet/call_site.hpp>
#include <motet/detail/barrier_core.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// Nothing is done when a phase of a barrier is over.
struct no_completion {
  void operator()() const noexcept {}
};

}  // namespace detail

/// As `std::barrier`, for fibers. When as many have arrived as are expected, `Completion`
/// is called by the last of them, and all that wait go on; the barrier then expects as
/// many again. Nobody goes on, and nobody may arrive, until `Completion` has returned. It
/// may park if the last one is a fiber: it runs in a shield.
///
/// Any thread; what waits, in fibers only. It may be destroyed as soon as all calls have
/// returned.
template <class Completion = detail::no_completion>
class barrier {
  static_assert(std::is_nothrow_invocable_v<Completion&>,
                "nobody could be told of an error: make the completion noexcept");

 public:
  /// Proof of having arrived in a phase.
  class arrival_token {
    friend class barrier;
    explicit arrival_token(std::uint64_t p) noexcept : phase_(p) {}
    std::uint64_t phase_;
  };

  /// @param expected how many arrive in each phase.
  constexpr explicit barrier(std::size_t expected, Completion done = Completion())
      : core_(expected), completion_(std::move(done)) {}
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier() = default;

  /// Arrives `n` times, at most as often as is expected still. Never parks, unless the
  /// completion does.
  [[nodiscard]] arrival_token arrive(std::size_t n = 1) {
    return arrival_token(core_.arrive(n, 0, completion_));
  }
  /// Parks until the phase of `arrived` is over. Cancellation point.
  void wait(const arrival_token& arrived, call_site where = call_site::here()) {
    core_.wait(arrived.phase_, where);
  }
  /// Arrives and waits. Cancelled at entry, it has not arrived; while it waits, it has,
  /// and that is not taken back. Cancellation point.
  void arrive_and_wait(call_site where = call_site::here()) {
    core_.arrive_and_wait(completion_, where);
  }
  /// Arrives, and is not expected any more. Never parks, unless the completion does.
  void arrive_and_drop() { core_.arrive(1, 1, completion_); }

 private:
  detail::barrier_core core_;
  Completion completion_;
};

}  // namespace motet

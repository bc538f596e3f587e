// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is the same for barriers with every kind of completion.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/gate.hpp>
#include <motet/detail/wait_queue.hpp>

#include <cstddef>
#include <cstdint>

namespace motet::detail {

class barrier_core {
 public:
  constexpr explicit barrier_core(std::size_t expected) noexcept
      : expected_(expected), left_(expected) {}
  barrier_core(const barrier_core&) = delete;
  barrier_core& operator=(const barrier_core&) = delete;
  ~barrier_core() = default;

  /// Arrives `n` times, and leaves for good as often as `dropped` says. If these were the
  /// last, runs `complete` and lets all go on. @returns the phase, to wait for.
  std::uint64_t arrive(std::size_t n, std::size_t dropped, function_ref<void()> complete);
  /// Parks until that phase is over.
  void wait(std::uint64_t phase, call_site where);
  /// Looks for cancellation, arrives and parks.
  void arrive_and_wait(function_ref<void()> complete, call_site where);

 private:
  void wait_for(std::uint64_t phase, call_site where);

  gate gate_;
  std::size_t expected_;  ///< In the next phase.
  std::size_t left_;      ///< Still to come in this one.
  std::uint64_t phase_ = 0;
  wait_queue waiting_;
};

}  // namespace motet::detail

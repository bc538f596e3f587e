// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A backend without a kernel: a network in memory, and a clock that jumps.
///
/// This is the backend to read first. It does all that the seam asks for, and nothing
/// else: operations go into the network, come out finished, and `poll` hands them back.
/// When nothing is finished, waiting costs nothing: the clock is put to where it would be
/// afterwards. It also is what tests run on, so that they neither sleep nor vary.

#include "backend/backend.hpp"
#include "backend/course.hpp"
#include "backend/sim/sim_network.hpp"

#include <atomic>
#include <cstddef>
#include <memory>

#include <semaphore.h>

namespace motet {

/// Same thread only, except `wake`. Time starts at 0 and moves in `poll` and `advance`.
class sim_backend final : public backend {
 public:
  /// @param how decides what is up to chance; it outlives the backend. Null: nothing is.
  explicit sim_backend(course* how = nullptr) noexcept;
  sim_backend(const sim_backend&) = delete;
  sim_backend& operator=(const sim_backend&) = delete;
  ~sim_backend() override;

  void submit(operation& op) noexcept override;
  void cancel(operation& op) noexcept override;
  /// Does not really wait, but jumps to `until`, or to where something that is on its way
  /// arrives if that is earlier. Asked to wait for ever with nothing left to happen, it
  /// returns nothing and lets no time pass: that is how a deadlock looks. As long as a
  /// wake is expected, it waits as real backends do, and as much time passes.
  [[nodiscard]] operation* poll(time_point until) noexcept override;
  void wake() noexcept override;
  void expect_wakes(bool some) noexcept override { expects_wakes_ = some; }
  [[nodiscard]] std::int32_t answer(const call& question) noexcept override;

  [[nodiscard]] time_point now() const noexcept override { return network_.now(); }
  [[nodiscard]] bool simulated() const noexcept override { return true; }
  void advance(duration passing) noexcept override;
  [[nodiscard]] std::size_t in_flight() const noexcept override { return in_flight_; }
  [[nodiscard]] const char* name() const noexcept override { return "sim"; }

  [[nodiscard]] std::size_t open_descriptors() const noexcept override {
    return network_.open_descriptors();
  }
  [[nodiscard]] bool under_way() const noexcept override {
    return network_.next_arrival() != time_point::max();
  }

  [[nodiscard]] sim_network& network() noexcept { return network_; }

 private:
  [[nodiscard]] bool take_wake() noexcept;
  [[nodiscard]] time_point wait_for_wake(time_point until) noexcept;
  operation* in_some_order(operation* finished);
  void note(const operation& op) noexcept;

  course* const course_;
  sim_network network_;
  std::size_t in_flight_ = 0;
  bool expects_wakes_ = false;
  std::atomic<bool> woken_ = false;
  sem_t wakes_;  ///< At least one if `woken_`: what to wait for.
};

[[nodiscard]] std::unique_ptr<backend> make_sim_backend(course* how = nullptr);

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What goes wrong in the simulated network: because a test says so, or by chance.

#include "backend/course.hpp"
#include "backend/operation.hpp"

#include <motet/faults.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace motet {

/// What a test says. A value.
struct sim_conditions {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
  /// In a set of ports: all of them.
  static constexpr std::uint16_t any_port = 0;

  struct failure {
    testing::call which;
    std::int32_t error;  ///< errno.
    std::size_t after;   ///< How many pass before.
    std::size_t times;   ///< How many fail then.
    int fd;              ///< Only those on this descriptor; negative: on any.
  };

  duration least_delay{};
  duration most_delay{};
  std::size_t piece = unlimited;  ///< Most bytes per transfer.
  std::size_t buffer = std::size_t{64} * 1024;
  std::set<std::uint16_t> refused;
  std::set<std::uint16_t> cut;
  std::size_t losses = 0;  ///< How many of the next datagrams are lost.
  std::map<std::string, known_host, std::less<>> hosts;
  std::vector<failure> failures;
  testing::faults rates;

  [[nodiscard]] bool refuses(std::uint16_t port) const {
    return refused.contains(any_port) || refused.contains(port);
  }
  [[nodiscard]] bool cuts(std::uint16_t port) const {
    return cut.contains(any_port) || cut.contains(port);
  }
};

/// For stories: "a read".
[[nodiscard]] const char* name_of(const request& what) noexcept;

/// What is to become of one operation.
struct sim_fate {
  std::int32_t error = 0;                        ///< It fails with this; -errno.
  std::size_t most = sim_conditions::unlimited;  ///< Bytes that it may move.
  duration late{};     ///< How long what it sends takes to arrive.
  bool reset = false;  ///< Its connection breaks.
};

/// Same thread only.
class sim_faults {
 public:
  /// @param how decides by chance; null: nothing goes wrong by chance.
  explicit sim_faults(course* how) noexcept : course_(how) {}

  sim_conditions conditions;
  testing::fault_counts counts;

  /// To be asked once per operation, when it starts.
  /// @param breaks whether it is about a connection: nothing else is left to chance, but
  /// for how much a transfer moves.
  [[nodiscard]] sim_fate fate_of(const request& what, time_point now, bool breaks);
  /// To be asked once per datagram that would arrive.
  [[nodiscard]] bool loses(time_point now);
  /// To be asked once per call. @returns 0, or -errno.
  [[nodiscard]] std::int32_t error_of(const call& what);

 private:
  class draw;

  std::int32_t next_error(testing::call which, int fd);
  std::int32_t next_result(testing::call which, int fd);
  duration pick_delay();
  void add_chance(const request& what, sim_fate& fate, time_point now, bool breaks);

  course* course_;
};

}  // namespace motet

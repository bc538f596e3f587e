// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is on its way to one end of a connection, and when it arrives.

#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <netinet/in.h>

namespace motet {

/// Where a socket is.
struct sim_address {
  sockaddr_storage bytes{};
  socklen_t length = 0;
};

/// One thing that is sent.
struct sim_parcel {
  enum class kind : std::uint8_t {
    bytes,
    end,    ///< Nothing more will come.
    reset,  ///< The other end is gone without having read everything.
    message,
    refusal,  ///< Nobody was there to receive a message.
  };

  kind what;
  std::vector<std::byte> bytes{};
  sim_address from{};  ///< Of a message.
  time_point arrives{};
};

/// A queue: nothing overtakes.
class sim_line {
 public:
  [[nodiscard]] bool empty() const noexcept { return parcels_.empty(); }
  /// When the first arrives, of those that are there.
  [[nodiscard]] time_point next() const noexcept { return parcels_.front().arrives; }
  /// How many bytes are on their way.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Sends what arrives at `when`, or with what was sent before if that is later.
  void put(sim_parcel what, time_point when);
  [[nodiscard]] sim_parcel take();
  void clear() noexcept;

 private:
  std::deque<sim_parcel> parcels_;
  std::size_t bytes_ = 0;
};

}  // namespace motet

// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A network that breaks when a test says so.

#include <motet/detail/owner.hpp>
#include <motet/faults.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <system_error>

namespace motet::testing {

/// Every port.
inline constexpr std::uint16_t any_port = 0;
/// As often as it happens.
inline constexpr std::size_t always = std::numeric_limits<std::size_t>::max();

/// Which calls of a kind fail.
struct fail_options {
  std::size_t after = 0;  ///< How many go well before.
  std::size_t times = 1;  ///< How many fail then; `always`.
  int on = -1;            ///< Only on this socket, named by its `native_handle()`.
};

/// Both ends of a connection.
struct connection {
  stream near;
  stream far;
};

/// Breaks the simulated network as long as it lives. Afterwards the network is as it was
/// before, and what is on its way arrives. Same thread only.
///
/// Waiting for what is on a slow line lets time jump; what was cut off never comes, and a
/// program in which all wait for that is deadlocked. Ports are those that were listened
/// on.
class network {
 public:
  /// @throws structure_error outside of fibers, and on a backend with real time.
  network();
  network(const network&) = delete;
  network& operator=(const network&) = delete;
  ~network();

  /// What is sent takes that long to arrive, and a connect twice as long. Never parks.
  void delay(duration time) { delay(time, time); }
  /// The same with times that vary, as the seed of the run decides; without one, always
  /// the least. Nothing overtakes. Never parks.
  void delay(duration least, duration most);
  /// A `read`, `write_some` or write of several pieces moves at most so many bytes at a
  /// time. Never parks.
  void short_transfers(std::size_t most);
  /// The same with a single byte. Never parks.
  void one_byte() { short_transfers(1); }
  /// How many bytes may be sent that have not been read: 64 KiB if nobody says. At least
  /// one. Never parks.
  void buffer(std::size_t bytes);

  /// Connects are refused, though somebody listens. Never parks.
  void refuse(std::uint16_t port = any_port);
  /// What is sent stays on its way, and connects hang. Never parks.
  void cut(std::uint16_t port = any_port);
  /// The next so many datagrams are lost; `always`. Those into a cut line are, too. Never
  /// parks.
  void lose(std::size_t datagrams);
  /// The end of `refuse` and `cut`: what was held up arrives. Never parks.
  void mend(std::uint16_t port = any_port);
  /// Breaks the connections there are, at both ends. Never parks.
  void reset(std::uint16_t port = any_port);

  /// The next `which` fails with `error`. As with a kernel, what waits and is told to try
  /// again, or interrupted, does so, and nobody notices: unless that goes on and on.
  /// Operations that wait already are not among the next. Never parks.
  void fail(call which, std::errc error, const fail_options& options = {}) {
    fail(which, static_cast<int>(error), options);
  }
  /// The same with an errno. Never parks.
  void fail(call which, int error, const fail_options& options = {});

  /// From now on the seed of the run decides what goes wrong, at these rates. Never
  /// parks.
  void chance(const faults& rates);

  /// Makes a host known, with these addresses, to `resolve` and whatever takes names; it
  /// takes so long to ask. Without addresses it is unknown. Never parks.
  void host(std::string_view name, std::initializer_list<std::string_view> addresses,
            duration lookup = {});

  /// A new connection. Never parks.
  [[nodiscard]] connection pair();

  /// What went wrong in this run so far. Never parks.
  [[nodiscard]] fault_counts counts() const noexcept;

 private:
  struct before;
  detail::owner<before> before_;
};

}  // namespace motet::testing
